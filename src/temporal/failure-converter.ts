import { DefaultFailureConverter } from '@temporalio/common';

/** Passes messages and stack traces through the payload codec too. */
export const failureConverter = new DefaultFailureConverter({ encodeCommonAttributes: true });
