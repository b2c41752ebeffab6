// Fields of map values that belong to the kernel: locks, timers, lists, trees, kernel pointers. Reading a value from outside gives zeros
// there, writing one leaves them alone. [kernel btf_parse_fields, copy_map_value]
import { KERNEL_STRUCTS } from '../../btf/shape.ts';
import { type Btf, resolve, sizeOf, type TypeId, typeById } from '../../btf/types.ts';

export interface HiddenField {
  /** Bytes into the value. */
  readonly offset: number;
  readonly bytes: number;
  /** BPF_F_LOCK takes it. */
  readonly isLock?: boolean;
  /** What it holds goes when the value is overwritten or deleted. [kernel bpf_obj_free_fields] */
  readonly isFreed?: boolean;
}

const LOCK = 'bpf_spin_lock';
/** What holds nothing of its own. */
const UNFREED: ReadonlySet<string> = new Set([LOCK, 'bpf_res_spin_lock', 'bpf_refcount', 'bpf_list_node', 'bpf_rb_node']);

const POINTER_TAGS: ReadonlySet<string> = new Set(['kptr', 'kptr_untrusted', 'percpu_kptr', 'uptr']);
/** The kernel looks no deeper, and takes no more of them. */
const MAX_DEPTH = 8;
const MAX_FIELDS = 11;

export function hiddenFields(btf: Btf | undefined, type: TypeId): readonly HiddenField[] {
  const found: HiddenField[] = [];
  if (btf !== undefined && type !== 0) collect(btf, type, 0, 0, found);
  return found;
}

function collect(btf: Btf, id: TypeId, offset: number, depth: number, found: HiddenField[]): void {
  if (depth > MAX_DEPTH || found.length >= MAX_FIELDS) return;
  const type = resolve(btf, id);
  if (type.kind === 'struct') {
    if (KERNEL_STRUCTS.has(type.name)) {
      found.push({ offset, bytes: type.size, isFreed: !UNFREED.has(type.name), isLock: type.name === LOCK });
    } else for (const member of type.members) collect(btf, member.type, offset + member.bitOffset / 8, depth + 1, found);
  } else if (type.kind === 'array') {
    const bytes = sizeOf(btf, type.type) ?? 0;
    if (bytes === 0) return;
    for (let i = 0; i < type.length && found.length < MAX_FIELDS; i++) {
      const before = found.length;
      collect(btf, type.type, offset + i * bytes, depth + 1, found);
      if (found.length === before) return;
    }
  } else if (type.kind === 'ptr' && isKernelPointer(btf, type.type)) found.push({ offset, bytes: 8, isFreed: true });
}

function isKernelPointer(btf: Btf, id: TypeId): boolean {
  const type = id === 0 ? undefined : typeById(btf, id);
  return type?.kind === 'typeTag' && POINTER_TAGS.has(type.name);
}

/** Zeros over the hidden fields of a copy. */
export function hide(value: Uint8Array, fields: readonly HiddenField[]): void {
  for (const { offset, bytes } of fields) value.fill(0, offset, offset + bytes);
}

/** Rows of routines/map.h, struct special, and the row that ends them; undefined: there is nothing to leave alone. */
export function specialRows(fields: readonly HiddenField[], valueSize: number): Uint32Array<ArrayBuffer> | undefined {
  if (fields.length === 0) return undefined;
  const sorted = [...fields].sort((a, b) => a.offset - b.offset);
  return Uint32Array.from([...sorted.flatMap(({ offset, bytes, isFreed }) => [offset, bytes, isFreed ? 1 : 0]), valueSize, 0, 0]);
}
