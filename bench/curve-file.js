/**
 * curve.json as text: where it was measured, and a line for each cell, whose names stand once above them. A cell is what
 * one side did with so many items of one length by so many workers; a `speedUp` is how many times as fast as a loop.
 */
const COLUMNS = ['side', 'workers', 'itemUs', 'items', 'rounds', 'ms', 'loopMs', 'speedUp', 'low', 'high'];

/** @param {{ cells: readonly object[] }} curve */
export function writeCurve({ cells, ...surroundings }) {
  const lines = [COLUMNS, ...cells.map((cell) => COLUMNS.map((column) => cell[column]))].map(
    (row) => `    [${row.map((value) => JSON.stringify(value)).join(', ')}]`,
  );
  const head = JSON.stringify(surroundings, null, 2).replace(/\n}$/, '');
  return `${head},\n  "cells": [\n${lines.join(',\n')}\n  ]\n}\n`;
}

/** @param {string} text */
export function readCurve(text) {
  const { cells, ...surroundings } = JSON.parse(text);
  const [columns, ...rows] = cells;
  const cellOf = (row) => Object.fromEntries(row.map((value, index) => [columns[index], value]));
  return { ...surroundings, cells: rows.map(cellOf) };
}
