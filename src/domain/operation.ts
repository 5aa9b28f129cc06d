/** What a hold covers. */
export type HoldKind = 'job' | 'agent' | 'repo' | 'host';

/** An operator's request to the reaper. */
export type Operation =
  | { action: 'pause'; reason: string; by: string }
  | { action: 'resume'; by: string }
  | { action: 'observe'; by: string }
  | { action: 'activate'; by: string }
  | { action: 'hold'; kind: HoldKind; value: string; reason: string; seconds: number; by: string }
  | { action: 'release'; kind: HoldKind; value: string; by: string }
  /** `replaced`: its name now belongs to another machine or pod, whose probe answers. */
  | { action: 'host-gone'; host: string; replaced?: boolean; by: string }
  | { action: 'boot-gone'; boot: string; by: string };
