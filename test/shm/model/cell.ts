/**
 * Plain bytes in a model: written in two steps, read in two steps, so that whoever reads what is half written, or
 * writes over what somebody reads, is found out. One who dies in between leaves them as they are.
 */
import { Violation } from './explore.js';

export interface Cell {
  value: number;
  isWritten: boolean;
  readers: number;
}

export function cell(): Cell {
  return { value: 0, isWritten: false, readers: 0 };
}

export function beginWrite(cell: Cell): void {
  if (cell.readers > 0) throw new Violation('bytes are overwritten while they are read');
  cell.isWritten = true;
}

export function endWrite(cell: Cell, value: number): void {
  cell.isWritten = false;
  cell.value = value;
}

export function beginRead(cell: Cell): void {
  if (cell.isWritten) throw new Violation('bytes are read that are half written');
  cell.readers += 1;
}

export function endRead(cell: Cell): number {
  cell.readers -= 1;
  return cell.value;
}
