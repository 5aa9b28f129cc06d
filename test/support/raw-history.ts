import type { Client } from '@temporalio/client';

/** Everything that the server stores about the workflows of one REAPER_NAME and that can be read without a codec. */
export async function readableHistory(client: Client, name: string): Promise<string> {
  const texts: string[] = [];
  for await (const { workflowId, runId } of client.workflow.list({
    query: `WorkflowId STARTS_WITH '${name}'`,
  })) {
    const handle = client.workflow.getHandle(workflowId, runId);
    collect(await handle.fetchHistory(), texts);
    collect((await handle.describe()).raw, texts);
  }
  return texts.join('\n');
}

/** Every text and every byte in a history, as text. */
export function readable(history: unknown): string {
  const texts: string[] = [];
  collect(history, texts);
  return texts.join('\n');
}

function collect(value: unknown, texts: string[]): void {
  if (typeof value === 'string') texts.push(value);
  else if (value instanceof Uint8Array) texts.push(Buffer.from(value).toString('latin1'));
  else if (typeof value === 'object' && value !== null)
    Object.values(value).forEach((part) => collect(part, texts));
}
