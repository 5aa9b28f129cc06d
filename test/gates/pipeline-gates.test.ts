import { describe, expect, it } from 'vitest';
import { mistakesIn } from './pipelines.js';

const withGate = (gate: unknown) => ({ stages: [{ name: 'dev', agent: 'dev', gate }] });

describe('a gate', () => {
  it.each([
    ['git', 'stages[0].gate: expected a gate with its kind, got "git"'],
    [{}, 'stages[0].gate.kind: expected git, sql, command or function, got nothing'],
    [
      { kind: 'gti' },
      'stages[0].gate.kind: expected git, sql, command or function, got "gti"; did you mean "git"?',
    ],
    [
      { kind: 'git', repository: '/srv/{repo}' },
      'stages[0].gate.path: expected a path inside the repository such as "docs/{work_item}.md", got nothing',
    ],
    [
      { kind: 'git', repository: '/srv/{repos}', path: 'x' },
      'stages[0].gate.repository: expected a placeholder {job}, {stage}, {repo}, {branch} or {work_item}, got "{repos}"; did you mean "repo"?',
    ],
    [
      { kind: 'git', repository: '/srv', path: 'x', paht: 'y' },
      'stages[0].gate: expected kind, repository, path or timeout_s, got the unknown name "paht"; did you mean "path"?',
    ],
    [
      { kind: 'function', name: 'aproved' },
      'stages[0].gate.name: expected a registered function (approved), got "aproved"; did you mean "approved"?',
    ],
    [{ kind: 'function' }, 'stages[0].gate.name: expected the name of a registered function, got nothing'],
    [
      { kind: 'sql', query: 'select {job}' },
      'stages[0].gate.query: expected a query without placeholders, got "select {job}": write $1 in the query and the placeholder into params',
    ],
    [{ kind: 'command', argv: ['x', 5] }, 'stages[0].gate.argv[1]: expected a text, got 5'],
    [
      { kind: 'command', argv: ['{job}'] },
      'stages[0].gate.argv[0]: expected a program without placeholders, got "{job}": put them into the arguments after it',
    ],
    [
      { kind: 'command', argv: ['x'], env: { GATE_JOB: '1' } },
      'stages[0].gate.env.GATE_JOB: expected a name of A-Z a-z 0-9 _ that does not start with GATE_, got "GATE_JOB"',
    ],
    [
      { kind: 'command', argv: ['x'], timeout_s: 301 },
      'stages[0].gate.timeout_s: expected at most 300 seconds, got 301',
    ],
  ])('%j has one mistake: %s', async (gate, mistake) => {
    expect(await mistakesIn(withGate(gate))).toEqual([mistake]);
  });

  it('needs a registered function and a configured database', async () => {
    expect(await mistakesIn(withGate({ kind: 'function', name: 'x' }), { functionNames: [] })).toEqual([
      'stages[0].gate.name: expected a registered function (there is none), got "x"',
    ]);
    const query = withGate({ kind: 'sql', query: 'select true' });
    expect(await mistakesIn(query)).toEqual([]);
    expect(await mistakesIn(query, { hasGateDatabase: false })).toEqual([
      'stages[0].gate.kind: expected REAPER_GATE_DATABASE_URL for an sql gate, got nothing: set it',
    ]);
  });
});
