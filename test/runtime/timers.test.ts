// Timers: what setting them up needs, when they fire, what their callbacks get. [uapi bpf.h, kernel/bpf/helpers.c bpf_timer_init]
import assert from 'node:assert/strict';
import { everywhere, loadText, run, signed } from './support.ts';

const TIMERS = { name: 'timers', type: 1, keySize: 4, valueSize: 24, maxEntries: 4, flags: 0 };
const KEY = Uint8Array.of(5, 0, 0, 0);

/** Looks the element up, sets its timer, starts it for R9 nanoseconds; the callback counts behind the timer, adding the key. */
const text = (rest: string) => `
    *(u32 *)(r10 - 4) = 5
    r1 = map[0]
    r2 = r10
    r2 += -4
    call 1
    if r0 == 0 goto out
    r6 = r0
    ${rest}
  out:
    exit
  fired:
    r1 = *(u32 *)(r2 + 0)
    r4 = *(u64 *)(r3 + 16)
    r4 += r1
    *(u64 *)(r3 + 16) = r4
    r0 = 0
    exit`;

const SET_UP = 'r1 = r6\nr2 = map[0]\nr3 = 1\ncall 169\nr1 = r6\nr2 = function[fired]\ncall 170';
const START = 'r1 = r6\nr2 = 100\nr3 = 0\ncall 171';
const CANCEL = 'r1 = r6\ncall 172';

everywhere('a timer fires once the clock is there, and hands over map, key and value', (options) => {
  using object = loadText('sched_cls', text(`${SET_UP}\n${START}`), { ...options, clock: 0n }, { maps: [TIMERS] });
  const timers = object.maps['timers']!;
  timers.setBytes(KEY, new Uint8Array(24));
  assert.equal(signed(run(object)), 0n);
  const count = (): number => timers.getBytes(KEY)![16]!;
  object.clock.advance(99n);
  assert.equal(count(), 0);
  object.clock.advance(1n);
  assert.equal(count(), 5);
  object.clock.advance(1000n);
  assert.equal(count(), 5);
  run(object);
  // Its element is gone: so is the timer.
  timers.deleteBytes(KEY);
  timers.setBytes(KEY, new Uint8Array(24));
  object.clock.advance(1000n);
  assert.equal(count(), 0);
});

everywhere('what timers refuse', (options) => {
  const give = (rest: string): bigint => {
    using object = loadText('sched_cls', text(rest), { ...options, clock: 0n }, { maps: [TIMERS] });
    object.maps['timers']!.setBytes(KEY, new Uint8Array(24));
    return signed(run(object));
  };
  assert.equal(give(START), -22n);
  assert.equal(give(CANCEL), -22n);
  assert.equal(give(SET_UP.replace('r3 = 1', 'r3 = 2')), -22n);
  assert.equal(give(`${SET_UP}\nr1 = r6\nr2 = map[0]\nr3 = 1\ncall 169`), -16n);
  assert.equal(give(`${SET_UP}\n${CANCEL}`), 0n);
  assert.equal(give(`${SET_UP}\n${START}\n${CANCEL}`), 1n);
  assert.equal(give(`${SET_UP}\nr1 = r6\nr2 = 100\nr3 = 4\ncall 171`), -22n);
});

everywhere('work is done once the run is over, once', (options) => {
  const work = (start: string): string =>
    text(
      `r1 = r6\nr2 = map[0]\nr3 = 0\ncall kfunc[0]\nr1 = r6\nr2 = function[fired]\nr3 = 0\nr4 = 0\ncall kfunc[1]\nr1 = r6\nr2 = ${start}\ncall kfunc[2]`,
    );
  const kfuncs = ['bpf_wq_init', 'bpf_wq_set_callback_impl', 'bpf_wq_start'];
  using object = loadText('sched_cls', work('0'), { ...options, clock: 0n }, { maps: [TIMERS], kfuncs });
  const timers = object.maps['timers']!;
  timers.setBytes(KEY, new Uint8Array(24));
  assert.equal(signed(run(object)), 0n);
  assert.equal(timers.getBytes(KEY)![16], 0);
  object.clock.advance(0n);
  assert.equal(timers.getBytes(KEY)![16], 5);
  object.clock.advance(10n);
  assert.equal(timers.getBytes(KEY)![16], 5);
  using wrong = loadText('sched_cls', work('1'), { ...options, clock: 0n }, { maps: [TIMERS], kfuncs });
  wrong.maps['timers']!.setBytes(KEY, new Uint8Array(24));
  assert.equal(signed(run(wrong)), -22n);
});
