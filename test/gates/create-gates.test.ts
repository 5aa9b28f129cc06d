import fc from 'fast-check';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { createGates, GateNotAsked, type Gate, type GatesOptions } from '../../src/gates/index.js';
import type { GateSpec } from '../../src/domain/pipeline.js';
import { check, input } from './support.js';

const approve = { kind: 'function', name: 'approve' };

function ask(gate: Gate, spec: GateSpec = approve) {
  return check(spec, {}, { functions: { approve: gate } });
}

/** A gate that notices its timeout, but continues. */
const stubborn: Gate = () => new Promise(() => undefined);

describe('a registered function', () => {
  it('gets the job, and its answer counts', async () => {
    const gate = vi.fn<Gate>(() =>
      Promise.resolve({ green: true, reason: 'approved', evidence: { by: 'ann' } }),
    );
    expect(await ask(gate)).toEqual({ green: true, reason: 'approved', evidence: { by: 'ann' } });
    expect(gate.mock.calls[0]?.[0]).toEqual(input());
  });

  it('that throws is red with its cause, whether immediately or later', async () => {
    const error = Object.assign(new Error('no such review'), { code: 'E_REVIEW' });
    const expected = {
      green: false,
      reason: 'the gate failed: no such review',
      evidence: { error: 'no such review', code: 'E_REVIEW' },
    };
    expect(await ask(() => Promise.reject(error))).toEqual(expected);
    expect(
      await ask(() => {
        throw error;
      }),
    ).toEqual(expected);
  });

  it.each([undefined, null, true, 'green', {}, { green: 1, reason: '' }, { green: true }])(
    'that returns %j is red',
    async (value) => {
      const result = await ask((() => value) as unknown as Gate);
      expect(result).toMatchObject({ green: false });
      expect(result.reason).toContain('expected { green: boolean, reason: string }');
    },
  );

  it('that is not registered cannot be asked', async () => {
    for (const name of ['aprove', 'constructor', '__proto__']) {
      const asking = check({ kind: 'function', name }, {}, { functions: { approve: stubborn } });
      await expect(asking).rejects.toThrow(GateNotAsked);
      await expect(asking).rejects.toThrow('expected a registered function');
    }
  });

  it('that ignores its timeout is red all the same', async () => {
    let signal: AbortSignal | undefined;
    const result = await ask(
      (_input, context) => {
        signal = context.signal;
        return stubborn(_input, context);
      },
      { ...approve, timeout_s: 0.05 },
    );
    expect(result).toEqual({
      green: false,
      reason: 'expected an answer within 0.05 s, got none: the gate was ended',
    });
    expect(signal?.aborted).toBe(true);
  });
});

describe('a check', () => {
  function open(options: GatesOptions) {
    const gates = createGates(options);
    onTestFinished(() => gates.close());
    return gates;
  }

  it('that is cancelled rejects with the reason, before and during', async () => {
    const gates = open({ functions: { approve: stubborn } });
    const controller = new AbortController();
    const reason = new Error('shutting down');
    const checking = gates.check(approve, input(), controller.signal);
    controller.abort(reason);
    await expect(checking).rejects.toBe(reason);
    await expect(gates.check(approve, input(), controller.signal)).rejects.toBe(reason);
  });

  it('rejects when the gates are closed, because that says nothing about the work', async () => {
    const gates = open({ functions: { approve: stubborn } });
    const checking = gates.check(approve, input(), new AbortController().signal);
    const rejected = expect(checking).rejects.toThrow('got closed ones');
    await gates.close();
    await rejected;
    await expect(gates.check(approve, input(), new AbortController().signal)).rejects.toThrow(
      'got closed ones',
    );
    await gates.close();
  });

  it('leaves no listener on a signal that outlives it', async () => {
    const { signal } = new AbortController();
    const added = vi.spyOn(signal, 'addEventListener');
    const removed = vi.spyOn(signal, 'removeEventListener');
    const gates = open({ functions: { approve: () => Promise.resolve({ green: true, reason: '' }) } });
    await gates.check(approve, input(), signal);
    expect(removed.mock.calls).toEqual(added.mock.calls.map(([type, listener]) => [type, listener]));
  });

  it.each([
    [{ kind: 'gti' }, 'kind: expected git, sql, command or function, got "gti"; did you mean "git"?'],
    [{ kind: 'command', argv: [] }, 'argv[0]: expected a program, got nothing'],
    [{ kind: 'function', name: 'x', timeout_s: 301 }, 'timeout_s: expected at most 300 seconds, got 301'],
  ])('of %j is red with what to do', async (spec, reason) => {
    const result = await check(spec);
    expect(result).toMatchObject({ green: false });
    expect(result.reason).toContain(reason);
  });

  it('never rejects, whatever the parameters, unless it could not be asked', async () => {
    const kind = fc.constantFrom('git', 'sql', 'function', 'gti');
    const value = fc.oneof(fc.constantFrom('/nowhere/{repo}', '{x}', '..', '\0'), fc.jsonValue());
    const names = fc.constantFrom('repository', 'path', 'query', 'params', 'name', 'timeout_s', 'x');
    await fc.assert(
      fc.asyncProperty(kind, fc.dictionary(names, value), async (of, parameters) => {
        const gates = createGates({});
        const result = await gates
          .check({ ...parameters, kind: of }, input(), new AbortController().signal)
          .catch((error: unknown) => error);
        await gates.close();
        if (result instanceof GateNotAsked) expect(['sql', 'function']).toContain(of);
        else expect(result).toMatchObject({ green: false, reason: expect.stringMatching(/./) as string });
      }),
      { numRuns: 100 },
    );
  });
});

describe('a gate’s answer can be stored', () => {
  it.each([
    ['a NUL', { a: 'x\0y' }, { a: 'x\uFFFDy' }],
    ['half a pair', { a: '\ud83d' }, { a: '\uFFFD' }],
    ['a pair', { a: '😀' }, { a: '😀' }],
    ['text that looks like an escape', { a: String.raw`\u0000 \ud83d` }, { a: String.raw`\u0000 \ud83d` }],
    ['a NUL in a name', { 'x\0': 1 }, { 'x\uFFFD': 1 }],
    ['a bigint', { a: 2n ** 64n }, { a: '18446744073709551616' }],
  ])('with %s', async (_what, evidence, kept) => {
    expect(await ask(() => Promise.resolve({ green: true, reason: 'x', evidence }))).toMatchObject({
      evidence: kept,
    });
  });

  it('or says why its evidence was left out', async () => {
    const cycle: Record<string, unknown> = {};
    cycle['self'] = cycle;
    const huge = { text: 'x'.repeat(30_000) };
    for (const evidence of [cycle, huge]) {
      const result = await ask(() => Promise.resolve({ green: true, reason: 'x', evidence }));
      expect(result).toMatchObject({ green: true, evidence: { left_out: expect.any(String) as string } });
    }
  });

  it('and its reason is cut to fit', async () => {
    const { reason } = await ask(() => Promise.resolve({ green: false, reason: `\0${'😀'.repeat(2000)}` }));
    expect(reason.length).toBeLessThanOrEqual(1000);
    expect(reason).toMatch(/^\uFFFD(😀)+\uFFFD?$/u);
  });
});
