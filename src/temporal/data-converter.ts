import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { DataConverter, PayloadCodec } from '@temporalio/common';
import { modulePath } from '../paths.js';

/** Makes failures go through the payload codec. */
export const failureConverterPath = modulePath('temporal/failure-converter');

/**
 * Loads the module that REAPER_PAYLOAD_CODEC names. It exports `payloadCodecs`, a list of Temporal payload codecs, such as one
 * that encrypts. Without a module, payloads are plain JSON.
 *
 * @param path of the module, relative to the current folder
 * @throws if it cannot be loaded or exports something else, with what to do
 */
export async function loadDataConverter(path: string | undefined): Promise<DataConverter | undefined> {
  if (path === undefined) return undefined;
  const { payloadCodecs } = await load(path);
  if (!Array.isArray(payloadCodecs) || payloadCodecs.length === 0 || !payloadCodecs.every(isCodec)) {
    throw new Error(
      `Expected ${path} (REAPER_PAYLOAD_CODEC) to export payloadCodecs, a list of objects with encode and decode, got ${kindOf(payloadCodecs)}: export them`,
    );
  }
  return { payloadCodecs, failureConverterPath };
}

async function load(path: string): Promise<{ payloadCodecs?: unknown }> {
  try {
    return (await import(pathToFileURL(resolve(path)).href)) as { payloadCodecs?: unknown };
  } catch (error) {
    throw new Error(
      `Expected a module at ${path} (REAPER_PAYLOAD_CODEC), got "${(error as Error).message}": name a file that Node.js can import`,
      { cause: error },
    );
  }
}

function isCodec(value: unknown): value is PayloadCodec {
  const { encode, decode } = (value ?? {}) as Partial<Record<keyof PayloadCodec, unknown>>;
  return typeof encode === 'function' && typeof decode === 'function';
}

function kindOf(value: unknown): string {
  return Array.isArray(value) ? `a list of ${value.length}` : typeof value;
}
