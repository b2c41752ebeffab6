// Engine names of the command line: what each means on this host, and why one is missing.
import { ENGINE_NAMES, type EngineName } from '../runtime/engines/engine-names.ts';
import type { Host } from '../runtime/engines/host.ts';
import { BpfError } from '../util/error.ts';
import { UsageError } from './usage.ts';

export interface Engines {
  readonly name: EngineName;
  readonly host: Host | undefined;
}

/** Opens the native host where the engine may want it. `arm64` on another machine is the simulator, and says so. */
export async function openEngines(name: string): Promise<Engines> {
  if (!(ENGINE_NAMES as readonly string[]).includes(name)) throw new UsageError(`--engine takes ${ENGINE_NAMES.join(', ')}, got "${name}"`);
  const engine = name as EngineName;
  if (engine === 'interpreter') return { name: engine, host: undefined };
  await import('../runtime/engines/engines.ts');
  if (engine === 'arm64-sim') return { name: engine, host: undefined };
  const { nativeHost } = await import('../node.ts');
  const native = await nativeHost();
  if (engine === 'auto') return { name: engine, host: native.host };
  if (native.host?.target === engine) return { name: engine, host: native.host };
  if (engine === 'arm64') {
    process.stderr.write(`note: this host is ${process.arch}; --engine arm64 runs the same image in the simulator (arm64-sim)\n`);
    return { name: 'arm64-sim', host: undefined };
  }
  const why = native.host === undefined ? native.reason : `this host runs ${native.host.target}`;
  throw new BpfError('cli/engine', { in: 'option', name: 'engine' }, `${engine} cannot run here: ${why}`);
}
