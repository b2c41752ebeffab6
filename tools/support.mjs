// docs/support.md: maps, helpers, kernel functions and program types with their state, from the tables in src/spec and what the runtime registers.
// `node tools/support.mjs` writes it, `--check` only says whether it is current.
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FAMILIES, helperFamily } from '../dist/src/runtime/helpers/all-helpers.js';
import { checkedContext, contextRefusal } from '../dist/src/spec/context-access.js';
import { contextOf } from '../dist/src/spec/contexts.js';
import { HELPERS } from '../dist/src/spec/helpers.js';
import { MAP_TYPES } from '../dist/src/spec/maps.js';
import { PROGRAM_TYPES, SECTION_KINDS } from '../dist/src/spec/programs.js';
import { HELPER_NOTES, HELPER_REASONS, KFUNC_NOTES, PROGRAM_NOTES } from '../dist/src/spec/support.js';

const path = join(dirname(dirname(fileURLToPath(import.meta.url))), 'docs/support.md');

const cell = (text) => text.replaceAll('|', '\\|');
function table(head, rows) {
  const line = (cells) => `| ${cells.map(cell).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

const SIZES = [1, 2, 4, 8];
/** `r1,2,4 w4`: widths at the start of the field. */
function widths(type, attach, offset) {
  const of = (write) => SIZES.filter((size) => contextRefusal(type, attach, offset, size, write) === undefined).join(',');
  const [reads, writes] = [of(false), of(true)];
  return [reads === '' ? '' : `r${reads}`, writes === '' ? '' : `w${writes}`].filter((one) => one !== '').join(' ') || '-';
}

function programs() {
  const rows = PROGRAM_TYPES.filter((type) => type !== 'unspec').map((type) => {
    const sections = SECTION_KINDS.filter((kind) => kind.type === type).map(({ section }) => `\`${section}\``);
    const spec = contextOf(type);
    const context =
      spec === undefined ? (PROGRAM_NOTES[type] ?? 'bytes') : `struct ${spec.name}${spec.packet === undefined ? '' : ', packet'}`;
    return [type, sections.slice(0, 4).join(' ') + (sections.length > 4 ? ` and ${sections.length - 4} more` : ''), context];
  });
  return table(['type', 'sections', 'context'], rows);
}

function contexts() {
  const structs = new Map();
  for (const type of PROGRAM_TYPES) {
    const checked = checkedContext(type);
    if (checked === undefined) continue;
    const { spec, variants } = checked;
    const columns = structs.get(spec.name) ?? { spec, columns: new Map() };
    structs.set(spec.name, columns);
    for (const attach of variants) {
      const cells = spec.fields.map(({ offset }) => widths(type, attach?.[0], offset));
      // Programs of the types that may do the same stand in one column.
      const key = cells.join();
      const title = attach === undefined ? type : attach.join(', ');
      const column = columns.columns.get(key) ?? { titles: [], cells };
      column.titles.push(title);
      columns.columns.set(key, column);
    }
  }
  return [...structs.values()]
    .map(({ spec, columns }) => {
      const list = [...columns.values()];
      const rows = spec.fields.map((field, i) => [field.name, String(field.offset), ...list.map(({ cells }) => cells[i])]);
      return `### struct ${spec.name}\n\n${table(['field', 'offset', ...list.map(({ titles }) => titles.join(', '))], rows)}`;
    })
    .join('\n\n');
}

function helpers() {
  return table(
    ['', 'helper', 'state'],
    HELPERS.map(({ id, name }) => {
      const family = helperFamily(id);
      const state =
        family === undefined
          ? `refused at load${HELPER_REASONS[name] === undefined ? '' : `: ${HELPER_REASONS[name]}`}`
          : `${family}${HELPER_NOTES[name] === undefined ? '' : `: ${HELPER_NOTES[name]}`}`;
      return [String(id), `bpf_${name}`, state];
    }),
  );
}

function kfuncs() {
  const rows = FAMILIES.flatMap(({ name, kfuncs = {} }) =>
    Object.keys(kfuncs).map((kfunc) => [kfunc, `${name}${KFUNC_NOTES[kfunc] === undefined ? '' : `: ${KFUNC_NOTES[kfunc]}`}`]),
  );
  return table(
    ['kernel function', 'state'],
    rows.sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}

const have = HELPERS.filter(({ id }) => helperFamily(id) !== undefined).length;
const maps = MAP_TYPES.filter(({ kept }) => kept !== 'refused').length;
const text = `# What is supported

Made by \`npm run docs\` from the tables in \`src/spec\` and from what the runtime registers; changes belong there.

${maps} of ${MAP_TYPES.length} types of maps, ${have} of ${HELPERS.length} helpers. A call of a helper or kernel function that is not here is
an error when the program is loaded, with the line of the source, unless the code cannot be reached. It can be supplied in TypeScript:
\`load(file, { helpers: { 147: (r1, r2, r3) => -22n }, kfuncs: { bpf_lookup_user_key: () => 0n } })\`. A map of a type that is not here refuses the
programs that use it, and only these.

## Program types

A context of fields is given by name (\`ctx: { mark: 5 }\`), any other as bytes. Sections that libbpf does not know are raw programs:
R1 = the packet or the bytes of the context, R2 = its length.

${programs()}

## Context fields

Widths in bytes at which a field may be read (r) and written (w), by program type or by what it is attached as. Other accesses are refused when the
program is loaded, as the kernel does; \`contextChecks: false\` lets them through.

${contexts()}

## Maps

${table(
  ['type', 'state'],
  MAP_TYPES.map(({ name, kept, state }) => [name, kept === 'refused' ? `refused: ${state}` : state]),
)}

## Helpers

A state names the family of helpers, and what is there instead of a kernel's answer.

${helpers()}

## Kernel functions

${kfuncs()}
`;

const old = (() => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
})();
if (old === text) console.log('docs/support.md is current');
else if (process.argv.includes('--check')) {
  console.error('docs/support.md is not what `npm run docs` makes');
  process.exit(1);
} else {
  writeFileSync(path, text);
  console.log('docs/support.md written');
}
