/** Statuses with which a server did not take a request, but may take it later. */
const LATER = [408, 425, 429];

/** What a status says of a request. A redirect is not followed, so it refuses. */
export function judgeStatus(status: number): 'taken' | 'later' | 'failed' | 'refused' {
  if (status >= 200 && status < 300) return 'taken';
  if (LATER.includes(status)) return 'later';
  return status >= 500 ? 'failed' : 'refused';
}
