// Errors on standard error, all in one form: `error: POSITION: message [area/code]`, then the line of source where there is one.
import { printInstruction } from '../asm/print.ts';
import type { Program } from '../program/program.ts';
import { BpfError, type Position, printPosition } from '../util/error.ts';
import { excerpt } from '../util/excerpt.ts';
import { BpfStopped, headline, type StopCause, surroundings } from '../util/stopped.ts';
import { foundSource } from './sources.ts';

/**
 * Prints what was thrown and gives the exit status; mistakes of ours keep their stack. `near`: paths beside which sources are looked for
 * whose lines the object does not carry; `programs`: whose instructions can be shown.
 */
export function printFailure(error: unknown, near: readonly string[] = [], programs: readonly Program[] = []): number {
  if (error instanceof BpfError) {
    const { message } = error;
    const position = foundPosition(error.position, near);
    // Values name themselves.
    const where = position.in === 'option' && message.startsWith(position.name) ? '' : `${printPosition(position)}: `;
    process.stderr.write(`error: ${where}${message} [${error.code}]\n`);
    if (position.in === 'program' && position.source !== undefined) process.stderr.write(excerpt(position.source));
    return 1;
  }
  if (error instanceof BpfStopped) {
    process.stderr.write(`error: ${stopText(error, near, programs)}`);
    return 1;
  }
  const system = error as NodeJS.ErrnoException;
  if (typeof system?.code === 'string' && system.syscall !== undefined) {
    process.stderr.write(`error: ${system.path ?? system.syscall}: ${systemMessage(system)} [cli/${system.code.toLowerCase()}]\n`);
    return 1;
  }
  process.stderr.write(`error: a mistake of bpfjit's own, please report it\n${error instanceof Error ? error.stack : String(error)}\n`);
  return 1;
}

function stopCode({ reason }: BpfStopped): string {
  return `runtime/${STOPS[reason]}`;
}

const STOPS: Readonly<Record<StopCause, string>> = {
  fuel: 'out-of-fuel',
  deadline: 'out-of-time',
  aborted: 'aborted',
  fault: 'fault',
  stack: 'stack-overflow',
  badCall: 'bad-call',
  helper: 'stopped-by-helper',
  unsupported: 'unsupported',
  unaligned: 'unaligned',
};

function foundPosition(position: Position, near: readonly string[]): Position {
  if (position.in !== 'program' || position.source === undefined) return position;
  return { ...position, source: foundSource(position.source, near) };
}

/** Place and reason, the line of C, the callers, the instruction, and what was in the registers. */
function stopText(stop: BpfStopped, near: readonly string[], programs: readonly Program[]): string {
  const { program, slot, source, what } = stop;
  const frames = stop.frames.map((frame) => (frame.source === undefined ? frame : { ...frame, source: foundSource(frame.source, near) }));
  const placed = { program, slot, frames, source: source && foundSource(source, near) };
  const lines = [`${headline(placed, what)} [${stopCode(stop)}]\n`, surroundings(placed)];
  const code = programs.find(({ name }) => name === program)?.code;
  if (code !== undefined && slot >= 0 && slot < code.slots) lines.push(`  slot ${slot}: ${printInstruction(code, slot)}\n`);
  lines.push(registersText(stop));
  return lines.join('');
}

const MAX_COLUMNS = 110;

/** Of the interpreter only: machine code may not have written all of them yet. */
function registersText({ registers, meanings }: BpfStopped): string {
  if (registers === undefined || meanings === undefined) return '';
  const lines: string[] = [];
  let line = ' ';
  registers.forEach((value, i) => {
    if (value === undefined) return;
    const number = value < 10n ? String(value) : `0x${value.toString(16)}`;
    const text = ` r${i} = ${meanings[i] === undefined ? number : `${meanings[i]} (${number})`}${i + 1 < registers.length ? ',' : ''}`;
    if (line.length + text.length > MAX_COLUMNS) {
      lines.push(line);
      line = ' ';
    }
    line += text;
  });
  return `${[...lines, line].join('\n')}\n`;
}

function systemMessage(error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case 'ENOENT':
      return 'no such file';
    case 'EISDIR':
      return 'is a directory';
    case 'EACCES':
      return 'permission denied';
    case 'ENOTDIR':
      return 'a part of the path is not a directory';
    default:
      return error.message;
  }
}
