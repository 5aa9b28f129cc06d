import { loadClientConfig, loadClientConfigProfile } from '@temporalio/envconfig';
import { expect, it } from 'vitest';
import { pathOf } from './support.js';

const configSource = { path: pathOf('temporal.toml.example') };
const options = { configSource, configFileStrict: true };

it('has a profile for each way in, and no key that clients do not know', () => {
  const { profiles } = loadClientConfig(options);
  expect(Object.keys(profiles).sort()).toEqual(['cloud', 'default', 'mtls']);
});

it.each([
  ['default', { address: '127.0.0.1:7233', namespace: 'default' }],
  [
    'mtls',
    {
      namespace: 'jobs',
      tls: {
        serverName: 'temporal.example.com',
        clientCert: { path: '/etc/job-reaper/tls/client.pem' },
        clientKey: { path: '/etc/job-reaper/tls/client.key' },
        serverCACert: { path: '/etc/job-reaper/tls/ca.pem' },
      },
    },
  ],
  ['cloud', { namespace: 'jobs.a1b2c', apiKey: 'CHANGE-ME' }],
])('says what clients need: %s', (profile, expected) => {
  expect(loadClientConfigProfile({ ...options, profile, disableEnv: true })).toMatchObject(expected);
});

it('is outranked by the environment', () => {
  const overrideEnvVars = { TEMPORAL_PROFILE: 'cloud', TEMPORAL_API_KEY: 'from-a-secret' };
  const profile = loadClientConfigProfile({ ...options, overrideEnvVars });
  expect(profile).toMatchObject({ namespace: 'jobs.a1b2c', apiKey: 'from-a-secret' });
});
