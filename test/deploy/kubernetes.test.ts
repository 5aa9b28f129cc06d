import { readdir } from 'node:fs/promises';
import { beforeAll, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { packageVersion } from '../../src/paths.js';
import { findMistakes, type Manifest } from './kubernetes-schema.js';
import { checkSettings, pathOf, read } from './support.js';

interface Container {
  name: string;
  image: string;
  args?: string[];
  securityContext?: { allowPrivilegeEscalation?: boolean; capabilities?: { drop?: string[] } };
  env?: { name: string; valueFrom?: { fieldRef: { fieldPath: string } } }[];
  envFrom?: { configMapRef?: { name: string }; secretRef?: { name: string } }[];
}

interface PodSpec {
  enableServiceLinks?: boolean;
  hostPID?: boolean;
  shareProcessNamespace?: boolean;
  containers: Container[];
}

interface Workload extends Manifest {
  spec: { template: { spec: PodSpec } };
}

interface Variables extends Manifest {
  data?: Record<string, string>;
  stringData?: Record<string, string>;
}

const FOLDER = 'deploy/k8s';
let manifests: Map<string, Manifest[]>;

beforeAll(async () => {
  const files = (await readdir(pathOf(FOLDER))).filter((file) => file !== 'kustomization.yaml');
  manifests = new Map(
    await Promise.all(
      files.map(async (file): Promise<[string, Manifest[]]> => {
        const documents = parseAllDocuments(await read(`${FOLDER}/${file}`));
        return [file, documents.map((document) => document.toJS() as Manifest)];
      }),
    ),
  );
});

const all = () => [...manifests.values()].flat();
const podOf = (file: string) => (manifests.get(file)?.[0] as Workload).spec.template.spec;

it("is valid by Kubernetes' own schemas, and has no key that these do not know", async () => {
  for (const manifest of all()) {
    expect(await findMistakes(manifest), `${manifest.kind} ${manifest.metadata.name}`).toEqual([]);
  }
});

it('would not be if it had a typo or a wrong type', async () => {
  const typo = structuredClone(manifests.get('probe-daemonset.yaml')?.[0]) as Workload;
  (typo.spec.template.spec as unknown as Record<string, unknown>)['hostPid'] = true;
  expect(await findMistakes(typo)).toEqual(['/spec/template/spec/hostPid: no such key']);
  const wrong = structuredClone(manifests.get('worker.yaml')?.[0]) as Workload & {
    spec: { replicas: unknown };
  };
  wrong.spec.replicas = 'two';
  expect(await findMistakes(wrong)).toEqual([expect.stringContaining('/spec/replicas')]);
});

it('applies every file but the example of a launcher', async () => {
  const { resources } = parse(await read(`${FOLDER}/kustomization.yaml`)) as { resources: string[] };
  expect([...resources, 'probe-sidecar.yaml'].sort()).toEqual([...manifests.keys()].sort());
});

it('sets settings that there are, from maps and secrets that there are', () => {
  const variables = new Map(
    (manifests.get('settings.yaml') as Variables[]).map((each) => [
      `${each.kind} ${each.metadata.name}`,
      each.data ?? each.stringData ?? {},
    ]),
  );
  const used = new Set<string>();
  for (const manifest of all().filter((each): each is Workload => 'spec' in each)) {
    for (const { args, env = [], envFrom = [] } of manifest.spec.template.spec.containers) {
      // The launcher's own.
      if (args === undefined) continue;
      const sources = envFrom.map(({ configMapRef, secretRef }) =>
        configMapRef ? `ConfigMap ${configMapRef.name}` : `Secret ${secretRef?.name ?? ''}`,
      );
      for (const source of sources) {
        expect([...variables.keys()]).toContain(source);
        used.add(source);
      }
      const given: [string, string][] = env.map(({ name }) => [name, 'x']);
      const taken = sources.flatMap((source) => Object.entries(variables.get(source) ?? {}));
      checkSettings(Object.fromEntries([...given, ...taken]));
    }
  }
  expect([...used].sort()).toEqual([...variables.keys()].sort());
});

it('shows each probe the pids of its launchers, under the host that their rows name', () => {
  const onNode = podOf('probe-daemonset.yaml');
  expect(onNode.hostPID).toBe(true);
  expect(hostOf(onNode.containers[0])).toBe('spec.nodeName');
  const beside = podOf('probe-sidecar.yaml');
  expect(beside.shareProcessNamespace).toBe(true);
  expect(beside.containers.map(hostOf)).toEqual(['metadata.name', 'metadata.name']);
});

it('lets no Service set variables that look like settings', () => {
  const workloads = all().filter((each): each is Workload => 'spec' in each);
  expect(workloads.map(({ spec }) => spec.template.spec.enableServiceLinks)).toEqual(
    workloads.map(() => false),
  );
  expect(workloads).toHaveLength(4);
});

it('names the migration by the version that it migrates to, because a Job cannot be changed', async () => {
  const { images } = parse(await read(`${FOLDER}/kustomization.yaml`)) as { images: { newTag: string }[] };
  const [tag = ''] = images.map(({ newTag }) => newTag);
  expect(manifests.get('migrate.yaml')?.[0]?.metadata.name).toBe(
    `job-reaper-migrate-${tag.replaceAll('.', '-')}`,
  );
  expect(tag).toBe(packageVersion);
});

it('gives every container what profile "restricted" demands of one', () => {
  for (const manifest of all().filter((each): each is Workload => 'spec' in each)) {
    for (const { name, securityContext } of manifest.spec.template.spec.containers) {
      expect(securityContext, `${manifest.kind} ${manifest.metadata.name}: ${name}`).toMatchObject({
        allowPrivilegeEscalation: false,
        capabilities: { drop: ['ALL'] },
      });
    }
  }
});

it('gives a probe no more than a probe needs', () => {
  for (const file of ['probe-daemonset.yaml', 'probe-sidecar.yaml']) {
    const probe = podOf(file).containers.find(({ name }) => name.endsWith('probe'));
    expect(probe?.args).toEqual(['worker', '--no-workflows']);
    expect(probe?.envFrom).toContainEqual({ secretRef: { name: 'job-reaper-probe' } });
  }
});

function hostOf(container: Container | undefined): string | undefined {
  return container?.env?.find(({ name }) => /^(REAPER|LAUNCHER)_HOST$/.test(name))?.valueFrom?.fieldRef
    .fieldPath;
}
