import { defaultPayloadConverter, type PayloadConverter } from '@temporalio/common';

/** Stands for an input that nobody here can read: not JSON, another SDK's encoding, or a codec that this worker lacks. */
export interface Unreadable {
  unreadable: string;
}

/**
 * The default converter, but a signal or an update whose payload cannot be read reaches its handler: one that throws
 * while it is decoded would stop the workflow for good. Results of activities are our own: with them it throws.
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
 * For the input that a workflow starts with, which it cannot do without.
 *
 * @throws when it could not be read: the workflow waits until a worker can
 */
export function checkReadable(input: unknown): void {
  if (typeof input !== 'object' || input === null || !('unreadable' in input)) return;
  throw new Error(
    `Expected an input that can be read, got "${String(input.unreadable)}": give this worker the codec that it was written with (REAPER_PAYLOAD_CODEC)`,
  );
}
