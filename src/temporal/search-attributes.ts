import { setTimeout } from 'node:timers/promises';
import type { Client, WorkflowService } from '@temporalio/client';
import { SEARCH_ATTRIBUTES } from '../workflows/search-attributes.js';

/** `temporal.api.enums.v1.IndexedValueType` of a keyword. */
export const KEYWORD_TYPE = 2;
/** gRPC status codes of a server that is away, or accepts no more calls for now. */
const AWAY = [4, 8, 14];
const VISIBLE_WITHIN_S = 60;

/** Thrown if the search attributes are missing and cannot be registered. Names the command that registers them. */
export class SearchAttributesError extends Error {
  override name = 'SearchAttributesError';
}

/**
 * Makes sure that the search attributes of watches are registered: starting a watch with an unregistered one would hang.
 *
 * @throws SearchAttributesError if an administrator has to register them; any other error if Temporal is away
 */
export async function ensureSearchAttributes(client: Client): Promise<void> {
  const { connection, options } = client;
  const { namespace } = options;
  const names = SEARCH_ATTRIBUTES.map(({ name }) => name);
  try {
    const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
    const missing = names.filter((name) => Number(customAttributes[name]) !== KEYWORD_TYPE);
    if (missing.length === 0) return;
    await connection.operatorService.addSearchAttributes({
      namespace,
      searchAttributes: Object.fromEntries(missing.map((name) => [name, KEYWORD_TYPE])),
    });
    await waitUntilVisible(client.workflowService, namespace);
  } catch (error) {
    const { code, message } = error as { code?: number; message: string };
    if (code !== undefined && AWAY.includes(code)) throw error;
    if (isFull(message)) {
      throw new SearchAttributesError(
        `Expected room for the search attributes ${names.join(', ')} in namespace "${namespace}", got: ${message} ` +
          `All keyword attributes are taken: remove unused ones, or set REAPER_SEARCH_ATTRIBUTES=false on every worker`,
        { cause: error },
      );
    }
    const flags = names.map((name) => `--name ${name} --type Keyword`).join(' ');
    throw new SearchAttributesError(
      `Expected the search attributes ${names.join(', ')} in namespace "${namespace}", and could not register them (${message}). ` +
        `Have an administrator run\n  temporal operator search-attribute create --namespace ${namespace} ${flags}\n` +
        `or set REAPER_SEARCH_ATTRIBUTES=false on every worker`,
      { cause: error },
    );
  }
}

/** Whether the server says that a namespace accepts no more attributes: with SQL visibility it accepts ten keywords. */
export function isFull(message: string): boolean {
  return /cannot have more than \d+ search attribute/i.test(message);
}

/** The server's parts learn about new attributes one after another. */
async function waitUntilVisible(service: WorkflowService, namespace: string): Promise<void> {
  const query = SEARCH_ATTRIBUTES.map(({ name }) => `${name} = 'x'`).join(' OR ');
  for (let second = 0; ; second += 1) {
    try {
      await service.countWorkflowExecutions({ namespace, query });
      return;
    } catch (error) {
      if (second >= VISIBLE_WITHIN_S) throw error;
      await setTimeout(1_000);
    }
  }
}
