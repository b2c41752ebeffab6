// What loads, stores, atomics and exclusives do. An action places its access (which may trap) before it changes anything, so a faulting
// instruction has no effect.
import { shiftLeft64 } from './halves.ts';
import { type Machine, SINK_SLOT, SP_SLOT } from './machine.ts';
import { type Action, destination, displaced, type Meanings, orSp, type Site, type Step, setLow, source, TWO32 } from './step.ts';

/** What is loaded or stored, by size 0 to 3: the value goes to or comes from register slot `a`. `offset` is into `machine.view`. */
type Transfer = (m: Machine, a: number, offset: number) => void;

const LOADS: readonly Transfer[] = [
  (m, a, offset) => setLow(m, a, m.view.getUint8(offset)),
  (m, a, offset) => setLow(m, a, m.view.getUint16(offset, true)),
  (m, a, offset) => setLow(m, a, m.view.getInt32(offset, true)),
  (m, a, offset) => {
    m.r[a] = m.view.getInt32(offset, true);
    m.r[a + 1] = m.view.getInt32(offset + 4, true);
  },
];
const signedLoad = (m: Machine, a: number, value: number): void => {
  m.r[a] = value;
  m.r[a + 1] = value >> 31;
};
const SIGNED_LOADS_X: readonly Transfer[] = [
  (m, a, offset) => signedLoad(m, a, m.view.getInt8(offset)),
  (m, a, offset) => signedLoad(m, a, m.view.getInt16(offset, true)),
  (m, a, offset) => signedLoad(m, a, m.view.getInt32(offset, true)),
];
const SIGNED_LOADS_W: readonly Transfer[] = [
  (m, a, offset) => setLow(m, a, m.view.getInt8(offset)),
  (m, a, offset) => setLow(m, a, m.view.getInt16(offset, true)),
];
const STORES: readonly Transfer[] = [
  (m, a, offset) => m.view.setInt8(offset, m.r[a]!),
  (m, a, offset) => m.view.setInt16(offset, m.r[a]!, true),
  (m, a, offset) => m.view.setInt32(offset, m.r[a]!, true),
  (m, a, offset) => {
    m.view.setInt32(offset, m.r[a]!, true);
    m.view.setInt32(offset + 4, m.r[a + 1]!, true);
  },
];

/** Adds a displacement to a 64-bit register. */
function advance(m: Machine, slot: number, displacement: number): void {
  const { r } = m;
  const low = (r[slot]! >>> 0) + displacement;
  r[slot] = low;
  r[slot + 1] = r[slot + 1]! + (low >= TWO32 ? 1 : low < 0 ? -1 : 0);
}

/** With SP as base, SP must be aligned to 16 bytes: Linux keeps that check on (SCTLR_EL1.SA0). */
function checkedSp(action: Action): Action {
  return (m, a, b, c, d) => {
    if ((m.r[SP_SLOT]! & 15) !== 0) m.trap('alignment', m.r[SP_SLOT]!, m.r[SP_SLOT + 1]!);
    action(m, a, b, c, d);
  };
}

interface Accesses {
  readonly offset: (site: Site) => Step;
  readonly unscaled: (site: Site) => Step;
  readonly post: (site: Site) => Step;
  readonly pre: (site: Site) => Step;
  readonly register: (site: Site) => Step;
}

/** The addressing modes over transfers by size. a: Rt, b: base, c: displacement or index register. */
function accesses(transfers: readonly Transfer[], store: boolean): Accesses {
  const place = store
    ? (m: Machine, base: number, displacement: number, size: number): number => m.atStore(m.r[base]!, m.r[base + 1]!, displacement, size)
    : (m: Machine, base: number, displacement: number, size: number): number => m.at(m.r[base]!, m.r[base + 1]!, displacement, size);
  const bySize = (make: (transfer: Transfer, bytes: number, scale: number) => Action): readonly Action[] =>
    transfers.map((transfer, size) => make(transfer, 2 ** size, size));
  const offset = bySize((transfer, bytes) => (m, a, b, c) => transfer(m, a, place(m, b, c, bytes)));
  const post = bySize((transfer, bytes) => (m, a, b, c) => {
    transfer(m, a, place(m, b, 0, bytes));
    advance(m, b, c);
  });
  const pre = bySize((transfer, bytes) => (m, a, b, c) => {
    transfer(m, a, place(m, b, c, bytes));
    advance(m, b, c);
  });
  // d: what an index is multiplied by.
  const unsignedIndex = bySize((transfer, bytes) => (m, a, b, c, d) => transfer(m, a, place(m, b, (m.r[c]! >>> 0) * d, bytes)));
  const signedIndex = bySize((transfer, bytes) => (m, a, b, c, d) => transfer(m, a, place(m, b, m.r[c]! * d, bytes)));
  const wideIndex = bySize((transfer, bytes) => (m, a, b, c, d) => {
    const { r } = m;
    shiftLeft64(m, r[c]!, r[c + 1]!, d);
    const low = (r[b]! >>> 0) + (m.lo >>> 0);
    const lo = low | 0;
    const hi = (r[b + 1]! + m.hi + (low >= TWO32 ? 1 : 0)) | 0;
    transfer(m, a, store ? m.atStore(lo, hi, 0, bytes) : m.at(lo, hi, 0, bytes));
  });
  const rt = (site: Site): number => (store ? source(site, 'Rt') : destination(site, 'Rt'));
  const based = (site: Site, action: Action, c: number, d = 0): Step => {
    const b = orSp(site, 'Rn');
    return [b === SP_SLOT ? checkedSp(action) : action, rt(site), b, c, d];
  };
  return {
    offset: (site) => based(site, offset[site.field('size')]!, site.field('imm12')),
    unscaled: (site) => based(site, offset[site.field('size')]!, site.field('imm9')),
    post: (site) => based(site, post[site.field('size')]!, site.field('imm9')),
    pre: (site) => based(site, pre[site.field('size')]!, site.field('imm9')),
    register: (site) => {
      const size = site.field('size');
      const scale = site.field('S') * size;
      const option = site.field('option');
      const c = source(site, 'Rm');
      if ((option & 3) === 3) return based(site, wideIndex[size]!, c, scale);
      return based(site, (option === 2 ? unsignedIndex : signedIndex)[size]!, c, 2 ** scale);
    },
  };
}

const STORE = accesses(STORES, true);
const LOAD = accesses(LOADS, false);
const LOAD_X = accesses(SIGNED_LOADS_X, false);
const LOAD_W = accesses(SIGNED_LOADS_W, false);

/** a, b: Rt, Rt2; c: base; d: displacement. */
function pair(store: boolean, when: 'offset' | 'post' | 'pre'): (site: Site) => Step {
  const make = (size: number): Action => {
    const transfer = (store ? STORES : LOADS)[size]!;
    const bytes = 2 ** size;
    return (m, a, b, c, d) => {
      const displacement = when === 'post' ? 0 : d;
      const at = store ? m.atStore(m.r[c]!, m.r[c + 1]!, displacement, 2 * bytes) : m.at(m.r[c]!, m.r[c + 1]!, displacement, 2 * bytes);
      transfer(m, a, at);
      transfer(m, b, at + bytes);
      if (when !== 'offset') advance(m, c, d);
    };
  };
  const actions = [make(2), make(3)];
  const register = store ? source : destination;
  return (site) => {
    const action = actions[site.field('sf')]!;
    const c = orSp(site, 'Rn');
    return [c === SP_SLOT ? checkedSp(action) : action, register(site, 'Rt'), register(site, 'Rt2'), c, site.field('imm7')];
  };
}

// Ordered, exclusive and atomic accesses fault unless their bytes lie within 16 aligned ones (FEAT_LSE2) [ArmARM UnalignedAccessFaults].
function placeAtomic(m: Machine, base: number, size: number, store: boolean): number {
  const lo = m.r[base]!;
  const hi = m.r[base + 1]!;
  const bytes = 1 << size;
  if ((lo & 15) + bytes > 16) m.trap('alignment', lo, hi);
  return store ? m.atStore(lo, hi, 0, bytes) : m.at(lo, hi, 0, bytes);
}

function ordered(store: boolean): (site: Site) => Step {
  const action: Action = (m, a, b, c) => (store ? STORES : LOADS)[c]!(m, a, placeAtomic(m, b, c, store));
  return (site) => atomicStep(site, action, store ? source(site, 'Rt') : destination(site, 'Rt'), site.field('size'));
}

function atomicStep(site: Site, action: Action, a: number, c: number, d = 0): Step {
  const b = orSp(site, 'Rn');
  return [b === SP_SLOT ? checkedSp(action) : action, a, b, c, d];
}

const loadExclusive: Action = (m, a, b, c) => {
  const at = placeAtomic(m, b, c, false);
  m.monitorSize = 1 << c;
  m.monitorLo = m.r[b]!;
  m.monitorHi = m.r[b + 1]!;
  LOADS[c]!(m, a, at);
};
// d: Rt | size << 8. The store happens only if this very address and size are monitored; the monitor is open afterwards.
const storeExclusive: Action = (m, a, b, _c, d) => {
  const size = d >> 8;
  const held = m.monitorSize === 1 << size && m.monitorLo === m.r[b]! && m.monitorHi === m.r[b + 1]!;
  if (held) STORES[size]!(m, d & 0xff, placeAtomic(m, b, size, true));
  m.monitorSize = 0;
  setLow(m, a, held ? 0 : 1);
};

/** a: Rt, b: base, c: Rs, d: size. */
function readModifyWrite(half: (old: number, operand: number) => number): (site: Site) => Step {
  return atomic((m, rs) => {
    m.lo = half(m.lo, m.r[rs]!);
    m.hi = half(m.hi, m.r[rs + 1]!);
  });
}

/** `modify` turns the old value in lo, hi into the new one. */
function atomic(modify: (m: Machine, rs: number) => void): (site: Site) => Step {
  const action: Action = (m, a, b, c, d) => {
    const at = placeAtomic(m, b, d, true);
    LOADS[d]!(m, TEMPORARY, at);
    const [oldLo, oldHi] = [m.r[TEMPORARY]!, m.r[TEMPORARY + 1]!];
    m.lo = oldLo;
    m.hi = oldHi;
    modify(m, c);
    m.r[TEMPORARY] = m.lo;
    m.r[TEMPORARY + 1] = m.hi;
    STORES[d]!(m, TEMPORARY, at);
    m.r[a] = oldLo;
    m.r[a + 1] = oldHi;
  };
  return (site) => atomicStep(site, action, destination(site, 'Rt'), source(site, 'Rs'), site.field('size'));
}

/** The sink serves as a register for values in flight: nothing reads it otherwise. */
const TEMPORARY = SINK_SLOT;

// a: Rs to write; c: Rs to read; d: Rt | size << 8.
const compareAndSwap: Action = (m, a, b, c, d) => {
  const size = d >> 8;
  const at = placeAtomic(m, b, size, true);
  const [wantLo, wantHi] = [m.r[c]!, m.r[c + 1]!];
  LOADS[size]!(m, TEMPORARY, at);
  const [oldLo, oldHi] = [m.r[TEMPORARY]!, m.r[TEMPORARY + 1]!];
  const mask = size === 0 ? 0xff : size === 1 ? 0xffff : -1;
  if (oldLo === (wantLo & mask) && (size < 3 || oldHi === wantHi)) STORES[size]!(m, d & 0xff, at);
  m.r[a] = oldLo;
  m.r[a + 1] = oldHi;
};

export const MEMORY: Meanings = {
  strImm: STORE.offset,
  ldrImm: LOAD.offset,
  ldrsXImm: LOAD_X.offset,
  ldrsWImm: LOAD_W.offset,
  stur: STORE.unscaled,
  ldur: LOAD.unscaled,
  ldursX: LOAD_X.unscaled,
  ldursW: LOAD_W.unscaled,
  strPost: STORE.post,
  ldrPost: LOAD.post,
  ldrsXPost: LOAD_X.post,
  ldrsWPost: LOAD_W.post,
  strPre: STORE.pre,
  ldrPre: LOAD.pre,
  ldrsXPre: LOAD_X.pre,
  ldrsWPre: LOAD_W.pre,
  strReg: STORE.register,
  ldrReg: LOAD.register,
  ldrsXReg: LOAD_X.register,
  ldrsWReg: LOAD_W.register,
  stp: pair(true, 'offset'),
  ldp: pair(false, 'offset'),
  stpPost: pair(true, 'post'),
  ldpPost: pair(false, 'post'),
  stpPre: pair(true, 'pre'),
  ldpPre: pair(false, 'pre'),
  ldrLit: (site) => [
    site.field('sf') === 1 ? (m, a, _b, c, d) => LOADS[3]!(m, a, m.at(c, d, 0, 8)) : (m, a, _b, c, d) => LOADS[2]!(m, a, m.at(c, d, 0, 4)),
    destination(site, 'Rt'),
    0,
    ...displaced(site, site.field('imm19')),
  ],
  stlr: ordered(true),
  ldar: ordered(false),
  stxr: (site) => atomicStep(site, storeExclusive, destination(site, 'Rs'), 0, source(site, 'Rt') | (site.field('size') << 8)),
  stlxr: (site) => atomicStep(site, storeExclusive, destination(site, 'Rs'), 0, source(site, 'Rt') | (site.field('size') << 8)),
  ldxr: (site) => atomicStep(site, loadExclusive, destination(site, 'Rt'), site.field('size')),
  ldaxr: (site) => atomicStep(site, loadExclusive, destination(site, 'Rt'), site.field('size')),
  clrex: () => [
    (m) => {
      m.monitorSize = 0;
    },
  ],
  ldadd: atomic((m, rs) => {
    const low = (m.lo >>> 0) + (m.r[rs]! >>> 0);
    m.lo = low | 0;
    m.hi = (m.hi + m.r[rs + 1]! + (low >= TWO32 ? 1 : 0)) | 0;
  }),
  ldclr: readModifyWrite((old, operand) => old & ~operand),
  ldeor: readModifyWrite((old, operand) => old ^ operand),
  ldset: readModifyWrite((old, operand) => old | operand),
  swp: readModifyWrite((_, operand) => operand),
  cas: (site) =>
    atomicStep(site, compareAndSwap, destination(site, 'Rs'), source(site, 'Rs'), source(site, 'Rt') | (site.field('size') << 8)),
};
