// docs/api.md: everything that the package exports, from the declarations that the compiler wrote (dist/src/*.d.ts) and the docstrings in them.
// `--check`: compare with what is committed. An export without a docstring is an error.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const declarations = join(root, 'dist/src');
const page = join(root, 'docs/api.md');

/** Sections in order; a name belongs to the first whose pattern is in the path of the file that declares it. */
const SECTIONS = [
  ['Loading', /^(node|runtime\/load)$/],
  ['Objects', /^runtime\/(object|options|home|contents|difference|network|named-types)$/],
  ['Programs and runs', /^runtime\/(loaded-program|packet|batch|batch-outcome|events|stop-flag|tunnels|redirect.*)$/],
  ['Maps', /^runtime\/(maps|map-store|tables)$/],
  ['Declared types', /^runtime\/(types|declarations)$/],
  ['Packets', /^packet\//],
  ['Captures', /^(pcap\/|files\/capture)/],
  ['Diagnostics', /^(runtime\/(trace|coverage)|lcov\/|files\/|interpreter\/)/],
  ['Engines', /^(runtime\/(engine|engines|compiled|interpreter-engine)|host\/)/],
  ['Errors', /^util\//],
];
const OTHER = 'Other';
/** Longer signatures get a line for each parameter. */
const WIDTH = 140;

/** Top-level statements of a declaration file: `{ doc, text }`. */
function statements(text) {
  const found = [];
  let doc = '';
  let at = 0;
  const skip = (pattern) => {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (match !== null) at = pattern.lastIndex;
    return match?.[0];
  };
  while (at < text.length) {
    if (skip(/\s+/y) !== undefined || skip(/\/\/[^\n]*/y) !== undefined) continue;
    const comment = skip(/\/\*[\s\S]*?\*\//y);
    if (comment !== undefined) {
      doc = comment.startsWith('/**') ? comment : '';
      continue;
    }
    const start = at;
    let depth = 0;
    for (; at < text.length; at++) {
      const comment = skip(/\/\*[\s\S]*?\*\//y) ?? skip(/'(?:\\.|[^'\\])*'|`(?:\\.|[^`\\])*`/y);
      if (comment !== undefined) at--;
      else if ('{[('.includes(text[at])) depth++;
      else if ('}])'.includes(text[at])) {
        depth--;
        // Interfaces, classes, functions with a body of types end here; an alias goes on to its semicolon.
        if (
          depth === 0 &&
          text[at] === '}' &&
          /^(export )?(declare )?(abstract )?(interface|class|namespace)\b/.test(text.slice(start, start + 60))
        )
          break;
      } else if (text[at] === ';' && depth === 0) break;
    }
    at++;
    found.push({ doc, text: text.slice(start, at) });
    doc = '';
  }
  return found;
}

const modules = new Map();

/** What a module declares and passes on, by name. */
function moduleOf(path) {
  const known = modules.get(path);
  if (known !== undefined) return known;
  const file = join(declarations, `${path}.d.ts`);
  const result = { declared: new Map(), passedOn: new Map(), all: [] };
  modules.set(path, result);
  if (!existsSync(file)) throw new Error(`${file} is not there: npm run build makes it`);
  for (const { doc, text } of statements(readFileSync(file, 'utf8'))) {
    const from = /\sfrom '(\.[^']+)\.ts'/.exec(text);
    const target = from === null ? undefined : posix.join(posix.dirname(path), from[1]);
    if (/^export \*/.test(text)) result.all.push(target);
    else if (/^export (type )?\{/.test(text)) {
      for (const part of /\{([\s\S]*)\}/.exec(text)[1].split(',')) {
        const [name, as] = part
          .trim()
          .replace(/^type /, '')
          .split(/ as /);
        if (name !== '')
          result.passedOn.set(as ?? name, {
            name,
            from: target ?? path,
            isType: /^export type|^\s*type /.test(text) || /^\s*type /.test(part),
          });
      }
    } else {
      const name = /^(?:export )?(?:declare )?(?:abstract )?(?:interface|class|type|const|let|function|namespace)\s+([\w$]+)/.exec(
        text,
      )?.[1];
      if (name === undefined) continue;
      const known = result.declared.get(name) ?? [];
      result.declared.set(name, [...known, { doc, text }]);
    }
  }
  return result;
}

/** `{ path, name }` where the export is declared. */
function resolve(path, name) {
  const { declared, passedOn, all } = moduleOf(path);
  if (declared.has(name)) return { path, name };
  const passed = passedOn.get(name);
  if (passed !== undefined) return { ...resolve(passed.from, passed.name), isType: passed.isType };
  for (const other of all) {
    const found = resolve(other, name);
    if (found !== undefined) return found;
  }
  return undefined;
}

function exportsOf(path) {
  const { declared, passedOn, all } = moduleOf(path);
  const own = [...declared].filter(([, [{ text }]]) => text.startsWith('export')).map(([name]) => name);
  return [...new Set([...own, ...passedOn.keys(), ...all.flatMap(exportsOf)])];
}

function prose(doc) {
  return doc
    .replace(/^\/\*\*\s?|\s*\*\/$/g, '')
    .split('\n')
    .map((line) => line.replace(/^\s*\* ?/, ''))
    .join('\n')
    .trim();
}

/** Of a class, its `extends`; type parameters have some too. */
function baseOf(text) {
  let depth = 0;
  let head = '';
  for (const character of text) {
    if (character === '<') depth++;
    if (depth === 0) head += character;
    if (character === '>') depth--;
    if (character === '{' && depth === 0) break;
  }
  return /\bclass [\w$]+\s*extends ([\w$]+)/.exec(head)?.[1];
}

/** The members of a class that is not exported itself, in those of the one that extends it. */
function inherited(path, text) {
  const base = baseOf(text);
  if (base === undefined) return [];
  const imported = new RegExp(`import (?:type )?\\{[^}]*\\b${base}\\b[^}]*\\} from '(\\.[^']+)\\.ts'`).exec(
    readFileSync(join(declarations, `${path}.d.ts`), 'utf8'),
  );
  if (imported === null) return [];
  const from = posix.join(posix.dirname(path), imported[1]);
  const found = moduleOf(from).declared.get(base)?.[0];
  if (found === undefined) return [];
  return [...inherited(from, found.text), ...membersOf(found.text)];
}

function membersOf(text) {
  return text
    .slice(text.indexOf('{') + 1, text.lastIndexOf('}'))
    .split('\n')
    .filter((line) => line.trim() !== '');
}

/** Breaks what is long after the commas between parameters. */
function wrap(line) {
  if (line.length <= WIDTH || /^\s*(\*|\/)/.test(line)) return line;
  const open = line.indexOf('(');
  if (open < 0) return line;
  const indent = /^\s*/.exec(line)[0];
  const parts = [];
  let depth = 0;
  let from = open + 1;
  for (let at = open; at < line.length; at++) {
    if ('{[(<'.includes(line[at])) depth++;
    else if ('}])'.includes(line[at]) || (line[at] === '>' && line[at - 1] !== '=')) depth--;
    if (depth === 1 && line[at] === ',') {
      parts.push(line.slice(from, at));
      from = at + 1;
    } else if (depth === 0) {
      parts.push(line.slice(from, at));
      return [line.slice(0, open + 1), ...parts.map((part) => `${indent}  ${part.trim()},`), `${indent}${line.slice(at)}`].join('\n');
    }
  }
  return line;
}

function code(path, { text }, isType) {
  let body = text;
  const base = inherited(path, text);
  if (base.length > 0) {
    const own = new Set(membersOf(text).map((line) => line.trim()));
    const more = base.filter((line) => /^\s*(\/\*\*|\*)/.test(line) || !own.has(line.trim()));
    body = `${text.slice(0, text.lastIndexOf('}'))}${more.join('\n')}\n}`.replace(` extends ${baseOf(text)}`, '');
  }
  const lines = body
    .replace(/^export (declare )?/, '')
    .split('\n')
    .map((line) => line.replace(/^( {4})+/, (indent) => ' '.repeat(indent.length / 2)))
    .filter((line) => !/^\s*(#private|private |protected )/.test(line) && !(isType && /^\s*constructor\(/.test(line)));
  return dropOrphans(lines).map(wrap).join('\n');
}

/** Comments whose member was left out. */
function dropOrphans(lines) {
  const kept = [];
  for (let i = 0; i < lines.length; i++) {
    if (/^\s*\/\*\*/.test(lines[i])) {
      let end = i;
      while (!lines[end].includes('*/')) end++;
      const next = lines[end + 1]?.trim();
      if (next === undefined || next === '}' || next.startsWith('/**')) {
        i = end;
        continue;
      }
    }
    kept.push(lines[i]);
  }
  return kept;
}

/** Codes of errors, as the source writes them. */
function errorCodes() {
  const areas =
    /'((?:asm|btf|classic|cli|elf|host|interpreter|isa|jit|lcov|map|object|packet|pcap|program|runtime|window)\/[a-z][a-z0-9-]*)'/g;
  const codes = new Set();
  for (const name of readdirSync(join(root, 'src'), { recursive: true }).map(String)) {
    if (!name.endsWith('.ts')) continue;
    const text = readFileSync(join(root, 'src', name), 'utf8');
    for (const [, code] of text.matchAll(areas)) codes.add(code);
  }
  return [...codes].sort();
}

export function apiPage() {
  const anywhere = new Set(exportsOf('index'));
  const undocumented = [];
  const sections = new Map([...SECTIONS.map(([title]) => [title, []]), [OTHER, []]]);
  for (const name of exportsOf('node')) {
    const { path, name: declared, isType } = resolve('node', name);
    const parts = moduleOf(path).declared.get(declared);
    const docs = [...new Set(parts.map(({ doc }) => prose(doc)).filter((text) => text !== ''))];
    if (docs.length === 0) undocumented.push(`${path}.ts: ${name}`);
    const title = SECTIONS.find(([, pattern]) => pattern.test(path))?.[0] ?? OTHER;
    const only = path !== 'index' && anywhere.has(name) ? '' : 'In Node only, not in `bpfjit/core`.\n\n';
    const text = parts.map((part) => code(path, part, isType === true)).join('\n');
    sections.get(title).push({ name, text: `### ${name}\n\n${only}${docs.join('\n\n')}\n\n\`\`\`ts\n${text}\n\`\`\`\n` });
  }
  const shown = [...sections].filter(([, entries]) => entries.length > 0);
  for (const [, entries] of shown) entries.sort((a, b) => (a.name.toLowerCase() < b.name.toLowerCase() ? -1 : 1));
  const anchor = (name) => name.toLowerCase();
  const index = shown.map(([title, entries]) => `- **${title}**: ${entries.map(({ name }) => `[${name}](#${anchor(name)})`).join(', ')}`);
  const codes = new Map();
  for (const code of errorCodes()) {
    const [area, what] = code.split('/');
    codes.set(area, [...(codes.get(area) ?? []), what]);
  }
  const table = [...codes].map(([area, whats]) => `| \`${area}/\` | ${whats.map((what) => `\`${what}\``).join(', ')} |`);
  return {
    undocumented,
    text: [
      '# API',
      '',
      '<!-- Made from the docstrings by `npm run docs`; do not edit. -->',
      '',
      "Everything that `import ... from 'bpfjit'` gives in Node. `bpfjit/core` is the same without files and native code, for browsers and other",
      'hosts. Bad input throws a `BpfError` with a code and a position, a program that is stopped before its exit a `BpfStopped`.',
      '',
      ...index,
      '',
      ...shown.flatMap(([title, entries]) => [`## ${title}`, '', ...entries.map(({ text }) => text)]),
      '## Error codes',
      '',
      'The `code` of a `BpfError`: the area and what is wrong.',
      '',
      '| area | codes |',
      '| ---- | ----- |',
      ...table,
      '',
    ].join('\n'),
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { text, undocumented } = apiPage();
  for (const name of undocumented) console.error(`${name} has no docstring`);
  const current = existsSync(page) ? readFileSync(page, 'utf8') : '';
  if (!process.argv.includes('--check')) writeFileSync(page, text);
  else if (text !== current) console.error('docs/api.md is not current: npm run docs');
  process.exitCode = undocumented.length > 0 || (process.argv.includes('--check') && text !== current) ? 1 : 0;
}
