import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as client from '@temporalio/client';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { packageRoot } from '../../src/paths.js';
import { DOORS, everythingPublic, exportsOf, openDoors, tagsOf, type Door, type Public } from './doors.js';

const opened = openDoors();
const doors = (Object.keys(DOORS) as Door[]).map((door) => {
  const exported = exportsOf(opened, door);
  return { door, exported, everything: everythingPublic(opened, exported) };
});

/** Errors that users have without us. */
const FOREIGN = new Set(['Error', 'RangeError', 'TypeError', ...Object.keys(client)]);

const ERROR_NAME = /\b(?:[A-Z]\w*)?(?:Error|Failure|GateNotAsked)\b/g;

describe.each(doors)('$door', ({ exported, everything }) => {
  const isValue = (symbol?: ts.Symbol) => ((symbol?.flags ?? 0) & ts.SymbolFlags.Value) !== 0;
  const throwing = everything.flatMap((each) =>
    tagsOf(each, 'throws').map((text) => ({ path: each.path, text, names: text.match(ERROR_NAME) ?? [] })),
  );

  it('names the type of each error that it throws, and exports it', () => {
    expect(throwing.filter(({ names }) => names.length === 0)).toEqual([]);
    const unknown = throwing.flatMap(({ path, names }) =>
      names
        .filter((name) => !FOREIGN.has(name) && !isValue(exported.get(name)))
        .map((name) => `${path}: ${name}`),
    );
    expect(unknown).toEqual([]);
  });

  it('has names in camelCase, apart from settings, which have those of their environment variables', () => {
    const isSnake = ({ symbol: { name } }: Public) => /[a-z]_[a-z]/.test(name);
    expect(everything.filter(isSnake).map(({ path }) => path)).toEqual([]);
  });

  it('exports no value that the docs do not use', () => {
    const docs = ['docs', 'docs/queues', 'examples'].flatMap((folder) =>
      readdirSync(join(packageRoot, folder))
        .filter((file) => /\.(md|ts)$/.test(file))
        .map((file) => readFileSync(join(packageRoot, folder, file), 'utf8')),
    );
    const values = [...exported].filter(([, symbol]) => isValue(symbol)).map(([name]) => name);
    const isUsed = (name: string) => docs.some((text) => new RegExp(`\\b${name}\\b`).test(text));
    expect(values.filter((name) => !isUsed(name))).toEqual([]);
  });

  it('exports no type that nothing exported needs', () => {
    const values = new Map([...exported].filter(([, symbol]) => isValue(symbol)));
    const needed = new Set(everythingPublic(opened, values).map(({ symbol }) => symbol));
    expect([...exported].filter(([, symbol]) => !needed.has(symbol)).map(([name]) => name)).toEqual([]);
  });
});

it('each option has an example, which compiles', () => {
  const file = join(packageRoot, 'test', 'library', 'examples-of-options.ts');
  const lines = [
    `import { Client, Connection } from '@temporalio/client';`,
    `import { readSettings } from '../../src/index.js';`,
  ];
  const missing: string[] = [];
  for (const { door, exported } of doors) {
    lines.push(`import type * as Door${lines.length} from '../../${DOORS[door].replace(/ts$/, 'js')}';`);
    const types = `Door${lines.length - 1}`;
    for (const [name, symbol] of exported) {
      if (!name.endsWith('Options')) continue;
      for (const member of opened.checker.getDeclaredTypeOfSymbol(symbol).getProperties()) {
        const option = { path: name, symbol: member, declarations: member.declarations ?? [] };
        const examples = tagsOf(option, 'example').filter((text) => text.startsWith(`${member.name}: `));
        if (examples.length === 0) missing.push(`${name}.${member.name}`);
        for (const example of examples)
          lines.push(
            `export const n${lines.length}: Pick<${types}.${name}, '${member.name}'> = { ${example} };`,
          );
      }
    }
  }
  expect(missing).toEqual([]);
  expect(lines.length).toBeGreaterThan(20);
  const { program } = openDoors({ file, text: lines.join('\n'), old: opened.program });
  const source = program.getSourceFile(file);
  const mistakes = [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)];
  expect(mistakes.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'))).toEqual([]);
});

it('the scan sees what is public: members of types that a function only mentions', () => {
  const paths = doors.find(({ door }) => door === 'job-reaper')?.everything.map(({ path }) => path);
  expect(paths).toEqual(
    expect.arrayContaining([
      'ReaperClient.hostGone',
      'ReaperWorker.shutdown',
      'Status.claimTrouble',
      'LedgerEntry.toStage',
      'NotifierMessage.idempotencyKey',
      'GateInput.workItem',
    ]),
  );
});
