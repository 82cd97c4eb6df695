/**
 * The small rules that schema.ts builds its tables from. A rule is given a value and says what it wants instead, or
 * nothing when the value will do. What it wants is written once, when the rule is made, so a good value costs no
 * allocation.
 *
 * They are exact about what is there and silent about what is more: a field that nobody knows comes from a newer minor
 * version.
 */

export type Rule = (value: unknown) => string | undefined;

export type Rules = { readonly [field: string]: Rule };

export function text(maxLength: number): Rule {
  const wanted = `text of at most ${maxLength} characters`;
  return (value) => (typeof value === 'string' && value.length <= maxLength ? undefined : wanted);
}

export function integer(min: number, max: number): Rule {
  const wanted = `a whole number from ${min} to ${max}`;
  return (value) =>
    Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max ? undefined : wanted;
}

export function number(min: number, max: number): Rule {
  const wanted = `a number from ${min} to ${max}`;
  return (value) => (typeof value === 'number' && value >= min && value <= max ? undefined : wanted);
}

export const boolean: Rule = (value) => (typeof value === 'boolean' ? undefined : 'true or false');

export function oneOf(...words: readonly string[]): Rule {
  const wanted = `one of ${words.join(', ')}`;
  return (value) => (words.includes(value as string) ? undefined : wanted);
}

export function orNull(rule: Rule): Rule {
  return (value) => (value === null ? undefined : rule(value));
}

/** For a field that may be missing. */
export function optional(rule: Rule): Rule {
  return (value) => (value === undefined ? undefined : rule(value));
}

export function list(rule: Rule, maxLength: number): Rule {
  const wanted = `a list of at most ${maxLength}`;
  return (value) => {
    if (!Array.isArray(value) || value.length > maxLength) return wanted;
    for (const entry of value) {
      const wantedOfEntry = rule(entry);
      if (wantedOfEntry !== undefined) return `in the list, ${wantedOfEntry}`;
    }
    return undefined;
  };
}

/** A record with at least these fields. */
export function record(rules: Rules): Rule {
  const entries = Object.entries(rules);
  return (value) => {
    if (!isRecord(value)) return 'a record';
    return firstWrong(value, entries);
  };
}

export const anyRecord: Rule = (value) => (isRecord(value) ? undefined : 'a record');

export const anything: Rule = () => undefined;

/** The first field that breaks its rule, with what the rule wants. */
export function firstWrong(
  value: { readonly [field: string]: unknown },
  entries: readonly (readonly [string, Rule])[],
): string | undefined {
  for (const [field, rule] of entries) {
    const wanted = rule(value[field]);
    if (wanted !== undefined) return `${field} must be ${wanted}`;
  }
  return undefined;
}

export function isRecord(value: unknown): value is { readonly [field: string]: unknown } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
