import { defaultPayloadConverter, type PayloadConverter } from '@temporalio/common';

/** Stands for an input that this worker cannot read: not JSON, another SDK's encoding, or a codec that it lacks. */
export interface Unreadable {
  unreadable: string;
}

/**
 * The default converter, except that a signal or an update with an unreadable payload still reaches its handler: throwing while
 * it is decoded would stop the workflow for good. Results of activities are ours, so for them it throws.
 */
export const payloadConverter: PayloadConverter = {
  toPayload: (value, context) => defaultPayloadConverter.toPayload(value, context),
  fromPayload: ((payload, context) => {
    try {
      return defaultPayloadConverter.fromPayload<unknown>(payload, context);
    } catch (error) {
      if (context?.type === 'activity') throw error;
      return { unreadable: (error as Error).message.slice(0, 200) } satisfies Unreadable;
    }
  }) as PayloadConverter['fromPayload'],
};

/**
 * Checks the input that a workflow starts with, which it needs.
 *
 * @throws if it could not be read: the workflow waits until a worker can
 */
export function checkReadable(input: unknown): void {
  if (typeof input !== 'object' || input === null || !('unreadable' in input)) return;
  throw new Error(
    `Expected an input that can be read, got "${String(input.unreadable)}": give this worker the codec that the input was encoded with (REAPER_PAYLOAD_CODEC)`,
  );
}
