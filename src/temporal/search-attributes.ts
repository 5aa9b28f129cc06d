import { setTimeout } from 'node:timers/promises';
import type { Client, WorkflowService } from '@temporalio/client';
import { SEARCH_ATTRIBUTES } from '../workflows/search-attributes.js';

/** `temporal.api.enums.v1.IndexedValueType` of a keyword. */
export const KEYWORD_TYPE = 2;
/** gRPC status codes of a server that is away, or takes no more calls for now. */
const AWAY = [4, 8, 14];
const VISIBLE_WITHIN_S = 60;

/** Thrown when the search attributes are not there and cannot be registered; says the command that does it. */
export class SearchAttributesError extends Error {
  override name = 'SearchAttributesError';
}

/**
 * Makes sure that the search attributes of watches are registered: a start with an unregistered one wedges.
 *
 * @throws SearchAttributesError when an administrator has to register them; any other error when Temporal is away
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
          `All keywords are taken: do without them, by REAPER_SEARCH_ATTRIBUTES=false on every worker, or remove some that nobody uses`,
        { cause: error },
      );
    }
    const flags = names.map((name) => `--name ${name} --type Keyword`).join(' ');
    throw new SearchAttributesError(
      `Expected the search attributes ${names.join(', ')} in namespace "${namespace}", and could not register them (${message}). ` +
        `Have an administrator run\n  temporal operator search-attribute create --namespace ${namespace} ${flags}\n` +
        `or do without them: REAPER_SEARCH_ATTRIBUTES=false`,
      { cause: error },
    );
  }
}

/** Whether the server says that a namespace takes no more attributes: with SQL visibility it takes ten keywords. */
export function isFull(message: string): boolean {
  return /cannot have more than \d+ search attribute/i.test(message);
}

/** The server's parts learn of new attributes one after the other. */
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
