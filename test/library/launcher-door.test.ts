import { readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import ts from 'typescript';
import { expect, it } from 'vitest';
import { packageRoot } from '../../src/paths.js';

/** Every module that a source file needs when it runs, from file to file: types are erased, and so not among them. */
function modulesOf(door: string): { files: string[]; packages: string[] } {
  const files = new Set<string>();
  const packages = new Set<string>();
  const visit = (file: string): void => {
    if (files.has(file)) return;
    files.add(file);
    // What is left after compilation is what Node loads. `import(…)` counts too: it would load the package later.
    const { outputText } = ts.transpileModule(readFileSync(file, 'utf8'), {
      compilerOptions: {
        module: ts.ModuleKind.ESNext,
        target: ts.ScriptTarget.ES2022,
        verbatimModuleSyntax: true,
      },
    });
    for (const { fileName } of ts.preProcessFile(outputText).importedFiles) {
      if (fileName.startsWith('.')) visit(resolve(dirname(file), fileName.replace(/\.js$/, '.ts')));
      else packages.add(fileName);
    }
  };
  visit(join(packageRoot, door));
  return { files: [...files].map((file) => relative(packageRoot, file)), packages: [...packages].sort() };
}

it("job-reaper/launcher loads Node's own modules and nothing else", () => {
  const { files, packages } = modulesOf('src/launcher.ts');
  expect(files).toEqual(expect.arrayContaining(['src/leases/acquire.ts', 'src/liveness/linux.ts']));
  expect(packages).toContain('node:fs/promises');
  expect(packages.filter((name) => !name.startsWith('node:'))).toEqual([]);
});

it("job-reaper/stamp loads few of Node's own modules and nothing else", () => {
  const { files, packages } = modulesOf('src/stamp.ts');
  expect(files).toEqual(expect.arrayContaining(['src/liveness/token.ts', 'src/stamp/announce.ts']));
  expect(files.length).toBeLessThan(10);
  expect(packages).toEqual(['node:crypto', 'node:fs', 'node:path']);
});

it('the walk through imports sees packages that are imported far below a door', () => {
  expect(modulesOf('src/index.ts').packages).toEqual(
    expect.arrayContaining(['@temporalio/worker', 'pg', 'pino', 'zod']),
  );
});
