import { rootCause } from '@temporalio/common';

/** What went wrong in an activity, not just that one failed. */
export function describeFailure(error: unknown): string {
  return rootCause(error) ?? String(error);
}
