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
  return (body) => async (context) => {
    const skip = () => {
      late.push(context.task.name);
      context.skip('the time was up');
    };
    if (timeLeftMs() === 0) skip();
    await Promise.race([body(context), untilDeadline().then(skip)]);
  };
}

type Body = (context: TestContext) => Promise<void>;
