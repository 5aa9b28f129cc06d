import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Pipeline } from '../../src/domain/pipeline.js';
import { loadPipeline } from '../../src/gates/index.js';
import { PipelineError } from '../../src/gates/mistakes.js';

let file: string;
beforeAll(async () => {
  file = join(await mkdtemp(join(tmpdir(), 'pipeline-')), 'pipeline.json');
});
afterAll(() => rm(join(file, '..'), { recursive: true }));

const name = fc.oneof(
  fc.constantFrom('a', 'b', 'c', '__proto__', 'constructor'),
  fc.string({ maxLength: 5 }),
  fc.jsonValue(),
);
const gate = fc.record(
  {
    kind: fc.oneof(fc.constantFrom('git', 'sql', 'command', 'function'), fc.jsonValue()),
    name,
    path: name,
    repository: name,
    sql: name,
    argv: fc.oneof(fc.array(name), name),
    timeout_s: fc.jsonValue(),
  },
  { requiredKeys: [] },
);
const stage = fc.record(
  {
    name,
    agent: fc.option(name),
    next: fc.option(name),
    gate: fc.option(fc.oneof(gate, fc.jsonValue())),
    more: name,
  },
  { requiredKeys: [] },
);
const text = fc.oneof(
  fc.record({ stages: fc.oneof(fc.array(stage), fc.jsonValue()) }).map((value) => JSON.stringify(value)),
  fc.json(),
  fc.string({ unit: 'binary' }),
  fc.constantFrom(
    '',
    '\uFEFF{}',
    '{'.repeat(100_000),
    '['.repeat(1_000_000),
    `{"stages":"${'x'.repeat(1_000_000)}"}`,
  ),
);

it('a pipeline file, whatever it holds, is a pipeline or a list of mistakes', async () => {
  await fc.assert(
    fc.asyncProperty(text, async (content) => {
      await writeFile(file, content);
      try {
        expect(await loadPipeline(file, { functionNames: [] })).toBeInstanceOf(Pipeline);
      } catch (error) {
        if (!(error instanceof PipelineError)) throw error;
        expect(error.message).toContain(file);
        expect(error.message.length).toBeLessThan(20_000);
      }
    }),
    { numRuns: 1_000 },
  );
});
