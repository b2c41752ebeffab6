// A program of a loaded object, by its name.
import type { PacketSource } from '../../pcap/block.ts';
import type { Program } from '../../program/program.ts';
import type { BatchResult } from '../engines/batch-outcome.ts';
import type { CompiledProgram } from '../engines/compiled.ts';
import type { Engine } from '../engines/engine.ts';
import { compilers, type EngineName } from '../engines/engine-names.ts';
import type { BatchOptions, RunOptions, RunResult } from './options.ts';
import type { Runner } from './runner.ts';
import type { AnyProgram, ProgramTypes } from './types.ts';

/** A program of a loaded object. */
export class LoadedProgram<P extends ProgramTypes = AnyProgram> {
  readonly name: string;
  /** As in libbpf, lower case: 'xdp', 'sched_cls'. */
  readonly type: string;
  /** Of the file: 'xdp', 'tc/ingress'. */
  readonly section: string;
  /** Its instructions, linked. */
  readonly program: Program;
  readonly #runner: () => Runner;

  /** `runner`: throws where the object is disposed of. */
  constructor(program: Program, runner: () => Runner) {
    this.program = program;
    this.#runner = runner;
    this.name = program.name;
    this.type = program.type;
    this.section = program.section;
  }

  /**
   * Runs once, on the interpreter unless an engine is given. Throws BpfStopped where the program is stopped before its exit (a fault, fuel,
   * time): object and maps stay usable.
   */
  run(options: RunOptions<P> = {}): RunResult<P> {
    // What is known of the program at compile time changes nothing of how it runs.
    return this.#runner().run(this.program, options as unknown as RunOptions) as unknown as RunResult<P>;
  }

  /**
   * Runs once for each packet, as `run` would, in less time; stops are counted. `auto` where no engine is given. Packets are Ethernet
   * frames, or come from `readCapture`: then those of other link types are made frames, and its file is closed at the end; raw programs see
   * them as they are. Packets are taken some thousands at a time. Neither `each` nor `packets` may run programs of this object meanwhile.
   */
  runBatch(packets: Iterable<Uint8Array> | PacketSource, options: BatchOptions<P> = {}): BatchResult {
    return this.#runner().runBatch(this.program, packets, options as unknown as BatchOptions);
  }

  /** What an engine compiles it to; undefined: the engine compiles nothing. 'arm64' can be looked at on any machine; else the engine must run here. */
  image(engine: 'arm64' | 'arm64-sim' | 'x64'): CompiledProgram;
  image(engine: EngineName | Engine): CompiledProgram | undefined;
  image(engine: EngineName | Engine): CompiledProgram | undefined {
    const runner = this.#runner();
    const elsewhere = engine === 'arm64' && !runner.runsNatively('arm64');
    const { image } = runner.runnable(this.program, runner.engine(elsewhere ? 'arm64-sim' : engine));
    return image === undefined ? undefined : compilers().compiledProgram(this.program, image);
  }
}
