/**
 * Objects that look plain by their prototype and are not: a Map whose prototype was replaced, the `arguments` of a
 * function, the namespace of a module. Structured clone goes by what an object is.
 *
 * Asked only about objects that seem plain and are suspicious otherwise: no keys, keys like '0', or no prototype.
 */
import * as types from 'node:util/types';

export function isExotic(object: object): boolean {
  return (
    ArrayBuffer.isView(object) ||
    types.isAnyArrayBuffer(object) ||
    types.isDate(object) ||
    types.isRegExp(object) ||
    types.isMap(object) ||
    types.isSet(object) ||
    types.isBoxedPrimitive(object) ||
    types.isNativeError(object) ||
    types.isPromise(object) ||
    types.isWeakMap(object) ||
    types.isWeakSet(object) ||
    types.isArgumentsObject(object) ||
    types.isModuleNamespaceObject(object) ||
    types.isGeneratorObject(object) ||
    types.isMapIterator(object) ||
    types.isSetIterator(object) ||
    types.isExternal(object)
  );
}
