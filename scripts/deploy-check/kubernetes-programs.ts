import { existsSync } from 'node:fs';
import { copyFile, chmod, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { cacheFolder } from './cache.js';
import { missingPrograms } from './programs.js';

const VERSION = '1.30.14';
const MODULE = 'k8s.io/kubernetes';
const CNI = '/usr/lib/cni/bridge';

/** In the order of their start. What they share is compiled once. */
const PROGRAMS: Record<string, string> = {
  etcd: 'go.etcd.io/etcd/server/v3',
  kubelet: `${MODULE}/cmd/kubelet`,
  'kube-apiserver': `${MODULE}/cmd/kube-apiserver`,
  'kube-controller-manager': `${MODULE}/cmd/kube-controller-manager`,
  'kube-scheduler': `${MODULE}/cmd/kube-scheduler`,
};

/** What a cluster of one node takes, but for the programs that are built here, by the package that has it. */
const NEEDED: Record<string, string> = {
  go: 'golang',
  containerd: 'containerd',
  ctr: 'containerd',
  runc: 'runc',
  kubectl: 'kubernetes-client',
  openssl: 'openssl',
};

/** What is missing for a cluster: names of packages. */
export async function missingForKubernetes(): Promise<string[]> {
  const missing = await missingPrograms(Object.keys(NEEDED));
  const packages = missing.map((name) => NEEDED[name] ?? name);
  return [...new Set(existsSync(CNI) ? packages : [...packages, 'containernetworking-plugins'])];
}

/**
 * The folder with the programs of a one-node cluster. What is not there yet is built from its Go module, once: tens of minutes of
 * processor time.
 */
export async function buildKubernetes(log: (line: string) => void): Promise<string> {
  const folder = await cacheFolder(`kubernetes-${VERSION}`);
  const missing = Object.entries(PROGRAMS).filter(([name]) => !existsSync(join(folder, name)));
  if (missing.length === 0) return folder;
  log(`building Kubernetes ${VERSION} from its Go modules, which takes tens of minutes`);
  const source = await mkdtemp(join(tmpdir(), 'job-reaper-kubernetes-'));
  try {
    await writeModule(source);
    const version = 'k8s.io/component-base/version.git';
    const [major, minor] = VERSION.split('.');
    const values = { Version: `v${VERSION}`, Major: major, Minor: minor };
    const flags = Object.entries(values).map(([name, value]) => `-X ${version}${name}=${value}`);
    for (const [name, path] of missing) {
      await execa(
        'go',
        ['build', '-ldflags', `-s -w ${flags.join(' ')}`, '-o', `${folder}/${name}.new`, path],
        {
          cwd: source,
          env: { GOFLAGS: '-mod=mod', GOWORK: 'off', CGO_ENABLED: '0' },
        },
      );
      await rename(`${folder}/${name}.new`, join(folder, name));
      log(`built ${name}`);
    }
  } finally {
    await rm(source, { recursive: true, force: true });
  }
  return folder;
}

/**
 * A module that requires Kubernetes. Its own go.mod names modules of its repository that its release does not contain; they are released
 * under versions of their own.
 */
async function writeModule(folder: string): Promise<void> {
  const { stdout } = await execa('go', ['mod', 'download', '-json', `${MODULE}@v${VERSION}`], {
    // It needs no module around it.
    cwd: tmpdir(),
  });
  const { Dir: kubernetes } = JSON.parse(stdout) as { Dir: string };
  const text = await readFile(join(kubernetes, 'go.mod'), 'utf8');
  const staged = `v0${VERSION.slice(VERSION.indexOf('.'))}`;
  const ours = text
    .replace(/^module .*/m, 'module programs')
    .replace(/^(\s*)(k8s\.io\/\S+) => \.\/staging\/\S+/gm, `$1$2 => $2 ${staged}`);
  await writeFile(join(folder, 'go.mod'), `${ours}\nrequire ${MODULE} v${VERSION}\n`);
  await copyFile(join(kubernetes, 'go.sum'), join(folder, 'go.sum'));
  await chmod(join(folder, 'go.sum'), 0o644);
}
