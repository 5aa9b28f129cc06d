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

/** A request as the reaper keeps it until it is written. */
export type Requested = Operation & {
  /** Names it, so that it is written once by whichever attempt comes first; missing from what older versions carried over. */
  key?: string;
};

/** What became of operators' requests that were written together. */
export interface WrittenRequests {
  /** For each request in order, up to where it came: null, or why Postgres will never accept it. */
  refusals: (string | null)[];
  /** Why it ended before the last one; null if it did not, or only had no time left. */
  error: string | null;
}

/** The signal that has the reaper act at once on a request that is in Postgres already. */
export function signalOf({ action }: Operation): Exclude<Operation['action'], GoneAction> | 'forceSweep' {
  return action === 'host-gone' || action === 'boot-gone' ? 'forceSweep' : action;
}

type GoneAction = 'host-gone' | 'boot-gone';

/** A request that declares a host or a boot gone. */
export type GoneOperation = Extract<Operation, { action: GoneAction }>;

/** What became of a declaration that a host or a boot is gone. */
export type GoneResult =
  | {
      declared: true;
      /** The runs that are marked running there now. With 0, check the spelling: it must be as in the rows. */
      runs: number;
    }
  /** A probe there still answers, for example. */
  | { declared: false; why: string };
