// Our own objects, and what tests ask of them.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { load } from '../../src/object/load.ts';
import type { CollectionSpec, FunctionSpec, MapSpec } from '../../src/object/spec.ts';
import { BpfError, type ErrorCode } from '../../src/util/error.ts';

const root = dirname(dirname(dirname(dirname(fileURLToPath(import.meta.url)))));

/** Bytes of `test/corpus/NAME` or `examples/NAME`. */
export function objectBytes(name: string): Uint8Array {
  const folder = name === 'xdp_counter.o' ? 'examples' : 'test/corpus';
  return new Uint8Array(readFileSync(join(root, folder, name)));
}

export function loadObject(name: string): CollectionSpec {
  return load(objectBytes(name), name);
}

export function functionNamed(collection: CollectionSpec, name: string): FunctionSpec {
  const found = collection.functions.find((other) => other.name === name);
  assert(found !== undefined, `no function ${name}`);
  return found;
}

export function mapNamed(collection: CollectionSpec, name: string): MapSpec {
  const found = collection.maps.find((other) => other.name === name);
  assert(found !== undefined, `no map ${name}`);
  return found;
}

/** `act` must throw a BpfError with this code and a message that matches. */
export function assertRefused(act: () => unknown, code: ErrorCode, message: RegExp): void {
  assert.throws(act, (error) => {
    assert(error instanceof BpfError, `not a BpfError: ${error instanceof Error ? error.stack : String(error)}`);
    assert.equal(error.code, code, error.message);
    assert.match(error.message, message);
    return true;
  });
}

/** Opcode, dst, src, offset and immediate of the slot, as the listing of llvm-objdump has them in hex. */
export function slotOf(bytes: Uint8Array, slot: number): { opcode: number; dst: number; src: number; offset: number; imm: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset + 8 * slot, 8);
  const registers = view.getUint8(1);
  return {
    opcode: view.getUint8(0),
    dst: registers & 15,
    src: registers >> 4,
    offset: view.getInt16(2, true),
    imm: view.getInt32(4, true),
  };
}
