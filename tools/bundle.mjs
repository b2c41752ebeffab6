// Makes the commands start quickly: dist/src, a file a module, becomes a few CommonJS files in dist/bin. Finding, reading and linking 70
// modules takes Node longer than running most of what they are for. Our modules are regular (the compiler writes them): named imports
// and exports, each statement at the start of a line; anything else is an error here.
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** Command to its module, in dist/src. */
const COMMANDS = { bpfjit: 'cli/main.js', 'bpfjit-conformance-plugin': 'cli/conformance-plugin.js' };

const IMPORT = /^import (?:\{([^}]*)\} from )?'([^']+)';$/gm;
const REEXPORT = /^export \{([^}]*)\} from '([^']+)';$/gm;
const EXPORT_ALL = /^export \* from '([^']+)';$/gm;
const EXPORT_LIST = /^export \{([^}]*)\};$/gm;
const DECLARATION = /^export ((?:async )?function\*?|const|class) ([\w$]+)/gm;
const DYNAMIC = /\bimport\('([^']+)'\)/g;

/** `a, b as c` */
function namesOf(list) {
  return list
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '')
    .map((one) => {
      const [from, to = from] = one.split(/\s+as\s+/);
      return { from, to };
    });
}

function parse(path, text) {
  const statics = [];
  const dynamics = [];
  const fail = (what) => {
    throw new Error(`dist/src/${path}: ${what}`);
  };
  const target = (name) => {
    if (!name.startsWith('.')) return name;
    return posix.normalize(posix.join(posix.dirname(path), name));
  };
  const required = (name, names) => {
    const to = target(name);
    if (name.startsWith('.')) statics.push({ to, names });
    return `__require(${JSON.stringify(to)})`;
  };
  const hoisted = [];
  const late = [];
  let body = text
    .replace(/^#!.*\n/, '')
    .replace(/^\/\/# sourceMappingURL.*$/m, '')
    .replace(IMPORT, (_, list, name) =>
      list === undefined
        ? `${required(name, [])};`
        : `const { ${namesOf(list)
            .map(({ from, to }) => (from === to ? from : `${from}: ${to}`))
            .join(', ')} } = ${required(
            name,
            namesOf(list).map(({ from }) => from),
          )};`,
    )
    .replace(REEXPORT, (_, list, name) => {
      const from = required(name, ['everything']);
      return namesOf(list)
        .map((one) => `__exports.${one.to} = ${from}.${one.from};`)
        .join(' ');
    })
    .replace(EXPORT_ALL, (_, name) => `Object.assign(__exports, ${required(name, ['everything'])});`)
    .replace(EXPORT_LIST, (_, list) => {
      for (const { from, to } of namesOf(list)) late.push(`${to}: ${from}`);
      return '';
    })
    .replace(DECLARATION, (_, kind, name) => {
      // Functions are there before the module has run.
      if (kind.includes('function')) hoisted.push(name);
      else late.push(name);
      return `${kind} ${name}`;
    })
    .replace(DYNAMIC, (_, name) => {
      const to = target(name);
      if (!name.startsWith('.')) return `Promise.resolve({ default: require(${JSON.stringify(name)}) })`;
      dynamics.push(to);
      return `__import(${JSON.stringify(to)})`;
    })
    .replace(/\bimport\.meta\.url\b/g, `__url(${JSON.stringify(path)})`);
  const rest = /^(?:import|export)\b.*$|\bimport\.meta\b/m.exec(body);
  if (rest !== null) fail(`not understood: ${rest[0]}`);
  const exported = [...hoisted, ...late].length === 0 ? '' : `Object.assign(__exports, { ${late.join(', ')} });`;
  if (hoisted.length > 0) body = `Object.assign(__exports, { ${hoisted.join(', ')} });\n${body}`;
  return { path, statics, dynamics, hoisted, body: `${body.trim()}\n${exported}` };
}

/** Modules that `entry` cannot run without, in the order in which they run. */
function closure(modules, entry, found = new Set(), path = []) {
  const module = modules.get(entry);
  if (module === undefined) throw new Error(`${path.at(-1)} imports ${entry}, which is not there`);
  for (const { to, names } of module.statics) {
    const back = [...path, entry].includes(to);
    // Where modules import each other, only functions are there in time.
    const missing = back ? names.find((name) => !modules.get(to).hoisted.includes(name)) : undefined;
    if (missing !== undefined) throw new Error(`${entry} needs ${missing} of ${to}, which needs ${entry}`);
    if (!back && !found.has(to)) closure(modules, to, found, [...path, entry]);
  }
  return found.add(entry);
}

const RUNTIME = `
const __files = FILES;
const __chunks = CHUNKS;
const __modules = {};
const __loaded = {};
const __require = (name) => {
  const made = __loaded[name];
  if (made !== undefined) return made;
  const define = __modules[name];
  if (define === undefined) return require(name);
  const exports = (__loaded[name] = {});
  define(exports, __require, __import, __url, require);
  return exports;
};
const __take = (entry) => {
  for (const chunk of __chunks[entry]) {
    if (__files[chunk] === undefined) continue;
    Object.assign(__modules, require(__files[chunk]));
    __files[chunk] = undefined;
  }
};
const __import = async (name) => {
  __take(name);
  return __require(name);
};
const __url = (name) => require('node:url').pathToFileURL(require('node:path').join(__dirname, '../src', name)).href;
`;

export function bundle(root) {
  const source = join(root, 'dist/src');
  const out = join(root, 'dist/bin');
  const modules = new Map();
  for (const name of readdirSync(source, { recursive: true }).map(String)) {
    if (!name.endsWith('.js')) continue;
    const path = name.replaceAll('\\', '/');
    modules.set(path, parse(path, readFileSync(join(source, name), 'utf8')));
  }
  // Entries are what is imported at some time: commands, and targets of import(). Modules that the same entries need share a file.
  const commands = Object.values(COMMANDS);
  const entries = new Map(commands.map((entry) => [entry, closure(modules, entry)]));
  for (const [, needed] of entries) {
    for (const path of needed) {
      for (const dynamic of modules.get(path).dynamics) if (!entries.has(dynamic)) entries.set(dynamic, closure(modules, dynamic));
    }
  }
  const groups = new Map();
  for (const path of new Set([...entries.values()].flatMap((needed) => [...needed]))) {
    if (commands.includes(path)) continue;
    const users = [...entries.keys()].filter((entry) => entries.get(entry).has(path));
    const key = users.join(' ');
    if (!groups.has(key)) groups.set(key, { users, paths: [] });
    groups.get(key).paths.push(path);
  }
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  const files = [];
  const chunks = Object.fromEntries([...entries.keys()].map((entry) => [entry, []]));
  const text = (path) => `${JSON.stringify(path)}(__exports, __require, __import, __url, require) {\n${modules.get(path).body}\n}`;
  for (const [index, { users, paths }] of [...groups.values()].entries()) {
    const name = `${String(index).padStart(2, '0')}-${posix.basename(paths.at(-1), '.js')}.cjs`;
    files.push(`./${name}`);
    for (const user of users) chunks[user].push(index);
    writeFileSync(join(out, name), `'use strict';\nmodule.exports = {\n${paths.map(text).join(',\n')},\n};\n`);
  }
  for (const [command, entry] of Object.entries(COMMANDS)) {
    const runtime = RUNTIME.replace('FILES', JSON.stringify(files)).replace('CHUNKS', JSON.stringify(chunks));
    const path = join(out, `${command}.cjs`);
    const body = `(async () => {\nconst __exports = {};\n__take(${JSON.stringify(entry)});\n${modules.get(entry).body}\n})();\n`;
    writeFileSync(
      path,
      `#!/usr/bin/env node\n'use strict';\n// From Node 22.1 on, compiled code is kept for the next start.\nrequire('node:module').enableCompileCache?.();${runtime}${body}`,
    );
    chmodSync(path, 0o755);
  }
  return files.length;
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const root = dirname(dirname(fileURLToPath(import.meta.url)));
  console.log(`dist/bin: ${bundle(root)} files`);
}
