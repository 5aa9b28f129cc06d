/** Whether a text stands in names of workflows and queues as it is; else its hash does. */
export function isSafePart(text: string): boolean {
  return /^[A-Za-z0-9._-]{1,200}$/.test(text) && !/^sha256-[0-9a-f]{64}$/.test(text);
}
