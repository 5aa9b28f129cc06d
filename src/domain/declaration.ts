/** Whether a process is taken for dead because an operator declared it, and not because a probe found it dead. */
export function restsOnDeclaration(evidence: string, placeGone: string | null): boolean {
  return evidence.startsWith('host declared gone by ') || evidence === placeGone;
}
