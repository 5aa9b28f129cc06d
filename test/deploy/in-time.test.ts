import { afterEach, describe, expect, it, vi, type TestContext } from 'vitest';
import { setDeadline } from '../../scripts/deploy-check/deadline.js';
import { inTime } from './real/support/in-time.js';

// What npm run deploy:check does with a test when its minutes are over.

/** Runs a test in milliseconds. Returns what was skipped. */
async function run(
  leftMs: number,
  body: () => Promise<void>,
): Promise<{ late: string[]; skip: unknown[][] }> {
  vi.stubEnv('DEPLOY_CHECK_DEADLINE', '');
  setDeadline(leftMs / 60_000);
  const late: string[] = [];
  const skip = vi.fn();
  await inTime(body, late)({ task: { name: 'a test' }, skip } as unknown as TestContext);
  return { late, skip: skip.mock.calls };
}

const never = () => new Promise<void>(() => undefined);

describe('a test with a deadline', () => {
  afterEach(() => vi.unstubAllEnvs());

  it('is skipped and noted when the time is up while it runs', async () => {
    expect(await run(20, never)).toEqual({ late: ['a test'], skip: [['the time was up']] });
  });

  it('is not begun after it', async () => {
    const body = vi.fn(never);
    vi.stubEnv('DEPLOY_CHECK_DEADLINE', '1');
    const late: string[] = [];
    await inTime(body, late)({ task: { name: 'a test' }, skip: vi.fn() } as unknown as TestContext);
    expect(late).toEqual(['a test']);
    expect(body).not.toHaveBeenCalled();
  });

  it('is not skipped if it has ended before, also not later', async () => {
    const result = await run(200, () => Promise.resolve());
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(result).toEqual({ late: [], skip: [] });
  });

  it('fails as ever if it fails before', async () => {
    await expect(run(60_000, () => Promise.reject(new Error('wrong')))).rejects.toThrow('wrong');
  });
});
