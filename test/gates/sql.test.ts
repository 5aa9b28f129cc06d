import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { createGates } from '../../src/gates/index.js';
import { useDatabase } from './database.js';
import { check, input } from './support.js';

vi.setConfig({ testTimeout: 30_000 });

const database = useDatabase(`
  create table work_item (id text primary key, merged boolean, reviews bigint);
  insert into work_item values ('W-1', true, 2), ('W-2', false, 0), ('W-3', null, 9007199254740993);
`);

function ask(query: string, params: unknown[] = []) {
  return check({ kind: 'sql', query, params }, {}, { databaseUrl: database.url() });
}

describe('the first value', () => {
  const MERGED = 'select merged from work_item where id = $1';

  it('is green if true, with the parameters as evidence', async () => {
    expect(await ask(MERGED, ['{work_item}'])).toEqual({
      green: true,
      reason: 'the query returned true',
      evidence: { query: MERGED, params: ['W-1'] },
    });
  });

  it.each([
    [MERGED, ['W-2'], 'got false'],
    [MERGED, ['W-3'], 'got null'],
    [MERGED, ['W-4'], 'got no row'],
    [MERGED, [null], 'got no row'],
    [`select 'true'`, [], 'got "true"'],
    [`select 't'::text`, [], 'got "t"'],
    ['select 1', [], 'got 1'],
    ['select reviews from work_item order by reviews desc', [], 'got "9007199254740993"'],
    ['select', [], 'got a row without columns'],
  ])('%s with %j is red and %s', async (query, params, got) => {
    const result = await ask(query, params);
    expect(result).toMatchObject({ green: false });
    expect(result.reason).toBe(`expected the query to return true (a boolean), ${got}`);
  });

  it.each([
    ['select merged, id from work_item order by id', []],
    ['select true; ', []],
    ['select true -- it is', []],
    ['select true as a, false as a', []],
    ['values (true), (false)', []],
    [
      'with reviewed as (select * from work_item where reviews > $1) select exists (select from reviewed)',
      [1],
    ],
    ['select true from generate_series(1, 10000000)', []],
    ['select $1::boolean', [true]],
    ['select $1::text is null', [null]],
    ['select $1 = $2::text', ['{job}', '7']],
  ])('is found: %s with %j', async (query, params) => {
    expect(await ask(query, params)).toMatchObject({ green: true });
  });

  it('is queried with the job’s value as a parameter, not as SQL', async () => {
    const evil = `'; drop table work_item; --`;
    const gates = createGates({ databaseUrl: database.url() });
    onTestFinished(() => gates.close());
    const spec = { kind: 'sql', query: 'select $1 = $2', params: ['{branch}', evil] };
    expect(await gates.check(spec, input({ branch: evil }), new AbortController().signal)).toMatchObject({
      green: true,
    });
    expect(await gates.check(spec, input({ branch: '--help' }), new AbortController().signal)).toMatchObject({
      green: false,
    });
  });

  it('is not queried when the job has no such value', async () => {
    const result = await check(
      { kind: 'sql', query: 'select $1 is null', params: ['{work_item}'] },
      { workItem: null },
      { databaseUrl: database.url() },
    );
    expect(result.reason).toContain('expected a work_item');
  });
});
