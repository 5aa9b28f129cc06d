/*
 * The lease protocol. Launchers of one folder exclude each other by it, whatever is killed or suspended wherever.
 *
 * Names, for a repo `web`; a file is written whole before it gets the first two, and never changed afterwards:
 *
 *   .merge-lease-web.json                      L: the lease, for everybody to see. Only one file can be linked there
 *   .merge-lease-web.json.aside-held-<uuid>    H: a second name of the holder's file, there as long as it holds
 *   .merge-lease-web.json.aside-<uuid>         A: a file on its way from L, until it is known whose it is
 *   .merge-lease-web.json.tmp-<uuid>           T: being written
 *
 * Why H. What stands at L can be moved: a reclaimer that judged an older file stale renames whatever is at L by then,
 * and puts it back. While it is away L is free, an acquirer may take L, and what it then lists is no proof: a file
 * that moves while a folder is read may be missed, and whether it moved cannot be told, as change times are coarser than
 * system calls. H never moves. An acquirer gives its own file H first and lists the folder then; of two, the one that
 * lists later sees the H of the other, and withdraws. So exclusion rests on H alone; L decides quickly who goes first.
 *
 *   acquire   T; link to L (taken: busy); rename T to H; list: any file of somebody else: withdraw, busy
 *   release   remove all names of the own file, H last, until its link count is 0: only then nobody can put it back
 *   renew     a new file under a new H; wait until nobody else is about to acquire; the old H still there: remove all
 *             names of the old file and link the new one to L; else lost
 *   reclaim   judge; rename L to A; look and judge again; put on record; unlink A and H. H and A are unique and belong
 *             to one file for ever, so a stale one can be unlinked directly
 *
 * Nothing is ever unlinked or overwritten at L: L is renamed to A first, and what is not the file that is meant is
 * linked back, or stays at A if L is taken, where it is held as well. A lease that has no H, written by hand or by
 * another program, is held under L or A.
 */
export { acquireLease, type AcquireOptions, type AcquireResult, type HeldLease } from './acquire.js';
export { LeaseFolder } from './folder.js';
export { LeaseNames } from './names.js';
export { reclaimLeases, type ReclaimOptions, type RepoReport } from './reclaim.js';
export { releaseLease } from './release.js';
export { renewLease } from './renew.js';
