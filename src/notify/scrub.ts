const LENGTH_LIMIT = 200;

/** A stranger's text as a log line may quote it: one line, not long, and without secrets. */
export function scrub(text: string, secrets: readonly string[]): string {
  const hidden = secrets.reduce((rest, secret) => rest.replaceAll(secret, '<hidden>'), text);
  return hidden.replaceAll(/[\p{Cc}\p{Cf}\s]+/gu, ' ').slice(0, LENGTH_LIMIT);
}
