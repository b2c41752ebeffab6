// All engines, and which of them this host can run.
import { findTarget } from '../../jit/targets.ts';
import { BpfError, unreachable } from '../../util/error.ts';
import { compiledProgram } from './compiled.ts';
import type { Engine } from './engine.ts';
import { type EngineName, provideCompilers } from './engine-names.ts';
import type { Host } from './host.ts';
import { interpreter } from './interpreter-engine.ts';
import { jitEngine } from './jit-engine.ts';
import { simulatedHost } from './simulated-host.ts';

export { ENGINE_NAMES, type EngineName } from './engine-names.ts';

/** `host`: what runs images natively; undefined: nothing here does. */
export function engineByName(name: EngineName, host: Host | undefined): Engine {
  switch (name) {
    case 'interpreter':
      return interpreter;
    case 'arm64-sim':
      return jitEngine(name, findTarget('arm64')!, simulatedHost());
    case 'auto':
      return host === undefined || findTarget(host.target) === undefined ? interpreter : engineByName(host.target, host);
    case 'arm64':
    case 'x64': {
      const target = findTarget(name);
      if (host?.target === name && target !== undefined) return jitEngine(name, target, host);
      throw new BpfError('runtime/engine', { in: 'option', name: 'engine' }, `the engine ${name} cannot run here`);
    }
    default:
      return unreachable(name);
  }
}

provideCompilers({ engineByName, compiledProgram });
