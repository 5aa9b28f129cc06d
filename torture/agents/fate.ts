import { Random } from '../random.js';

/** What one attempt of an agent will do. */
export interface Fate {
  /** Seconds of work. */
  workS: number;
  /** Works without once coming back to its event loop: no signal handler runs. */
  blocks: boolean;
  /** Leaves the work that the gate of its stage looks for. */
  delivers: boolean;
  end: 'exit 0' | 'exit 1' | 'crash';
}

/** Work items whose names begin with these words have a fate of their own, for scenes that are directed. */
const DIRECTED: Record<string, Fate> = {
  lasting: { workS: 600, blocks: true, delivers: true, end: 'exit 0' },
  prompt: { workS: 0.3, blocks: false, delivers: true, end: 'exit 0' },
  passing: { workS: 25, blocks: false, delivers: true, end: 'exit 0' },
  careless: { workS: 0.3, blocks: false, delivers: false, end: 'exit 0' },
};

/**
 * The fate of one attempt, decided by the run's seed. Most do their work; some say exit 0 without having done it, some
 * fail, some die, and a few work beyond the ceiling.
 */
export function fateOf(seed: number, workItem: string, agent: string, attempt: number): Fate {
  const directed = DIRECTED[workItem.split('-')[0] ?? ''];
  if (directed !== undefined) return directed;
  const random = new Random(seed, `${workItem}/${agent}/${attempt}`);
  const lot = random.next();
  const workS = lot > 0.97 ? random.between(65, 80) : random.between(0.2, 6);
  const blocks = random.chance(0.3);
  if (lot < 0.1) return { workS, blocks, delivers: false, end: 'exit 0' };
  if (lot < 0.2) return { workS, blocks, delivers: false, end: 'exit 1' };
  if (lot < 0.25) return { workS, blocks, delivers: random.chance(0.5), end: 'crash' };
  return { workS, blocks, delivers: true, end: 'exit 0' };
}
