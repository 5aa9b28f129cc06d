import { afterAll, type TestContext } from 'vitest';
import { timeLeftMs, untilDeadline } from '../../../../scripts/deploy-check/deadline.js';

/**
 * For a file of tests that may run out of time: what has not been run by the deadline is skipped, not failed, and said in one line.
 *
 * @returns a wrapper for the body of each test
 */
export function skippingWhatIsLate(): (body: Body) => Body {
  const late: string[] = [];
  afterAll(() => {
    if (late.length > 0) console.log(`Not checked: ${late.join('; ')}, because the time was up.`);
  });
  return (body) => inTime(body, late);
}

/** A test that is skipped at the deadline. Its name is noted then. */
export function inTime(body: Body, late: string[]): Body {
  return async (context) => {
    const isLate =
      timeLeftMs() === 0 ||
      (await Promise.race([body(context).then(() => false), untilDeadline().then(() => true)]));
    if (!isLate) return;
    late.push(context.task.name);
    context.skip('the time was up');
  };
}

type Body = (context: TestContext) => Promise<void>;
