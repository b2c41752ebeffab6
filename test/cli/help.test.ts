// bpfjit help: every command and every option is there, and the examples work.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { COMMANDS, type CommandName } from '../../src/cli/commands.ts';
import { commandHelp, overview } from '../../src/cli/help.ts';
import { type Ran, runAll } from './run-all.ts';

const names = Object.keys(COMMANDS) as CommandName[];

test('the overview has every command; the help of each has its options; no line is too long', async () => {
  for (const name of names) {
    assert.match(overview(), new RegExp(`^  ${name} `, 'm'));
    const help = await commandHelp(name, COMMANDS[name]);
    const { options } = await COMMANDS[name].load();
    for (const [option, { help: text, type, value }] of Object.entries(options)) {
      assert.ok(help.includes(`--${option}${value === undefined ? '' : ` ${value}`} `), `${name} --${option}`);
      assert.equal(type === 'string', value !== undefined, `${name} --${option} says what it takes`);
      assert.match(text, /^[^A-Z].*[^.]$/s, `${name} --${option}`);
    }
    const lines = help.split('\n').filter((line) => !line.startsWith('  bpfjit '));
    assert.deepEqual(
      lines.filter((line) => line.length > 100),
      [],
    );
  }
});

test('help, help COMMAND, COMMAND --help', () => {
  const [help, of, flag, unknown] = runAll([['help'], ['help', 'dump'], ['dump', '--help'], ['help', 'nosuch']]) as [Ran, Ran, Ran, Ran];
  assert.deepEqual([help.status, of.status, flag.status, unknown.status], [0, 0, 0, 2]);
  assert.equal(of.stdout, flag.stdout);
  assert.match(unknown.stderr, /^error: unknown command "nosuch"; bpfjit help lists them\n$/);
});

test('the examples work', () => {
  const examples = names.flatMap((name) => COMMANDS[name].examples ?? []);
  const results = runAll(examples.map((example) => example.split(' ')));
  for (const [i, { status, stderr }] of results.entries()) assert.deepEqual([status, stderr], [0, ''], examples[i]!);
});
