# frozen_string_literal: true

# A worker of Solid Queue: its gem in a Rails application of its own, with the line of docs/queues/solid-queue.md. QUEUE: the only one that
# it works for. MODE=fork: Solid Queue's supervisor, with a worker that it forks.
require 'logger'
require 'uri'
require 'rails'
require 'active_record/railtie'
require 'active_job/railtie'
require 'solid_queue'
require ENV.fetch('TOKEN')
require ENV.fetch('RECIPE')

settings = { pool: 20, prepared_statements: ENV.fetch('PREPARES', 'true') }
settings[:schema_search_path] = ENV['SCHEMA'] unless ENV['SCHEMA'] == 'public' # which a pooler in transaction mode does not keep
ENV['DATABASE_URL'] += "?#{URI.encode_www_form(settings)}"

class Application < Rails::Application
  config.root = __dir__
  config.eager_load = false
  config.logger = Logger.new($stderr, level: :warn)
  config.secret_key_base = 'test'
  config.active_job.queue_adapter = :solid_queue
  # The line.
  config.to_prepare { SolidQueue::Process.singleton_class.prepend(NamesItsProcess) } unless ENV['WITHOUT_LINE']
end
Rails.application.initialize!

class Work < ActiveJob::Base
  limits_concurrency to: 1, key: ->(*) { 'unused' }

  def perform(spec)
    id = SolidQueue::Job.find_by!(active_job_id: job_id).id.to_s
    note('start', id)
    runs = value("select count(*) from public.noted where what = 'start' and job_id = '#{id}'").to_i
    latch = spec['blocksUntil'] || spec['waitsUntil']
    sleep 0.1 until latch.nil? || File.exist?(latch) || File.exist?("#{latch}.#{runs}")
    sleep 600 if runs <= spec.fetch('hangs', 0) # its process is killed meanwhile
    note('end', id)
  end

  private

  def note(what, id)
    value("insert into public.noted (what, job_id, pid) values ('#{what}', '#{id}', #{Process.pid}) returning id")
  end

  def value(sql)
    ActiveRecord::Base.connection_pool.with_connection { |connection| connection.select_value(sql) }
  end
end

if ENV['TABLES']
  ActiveRecord::Schema.verbose = false
  load SolidQueue::Engine.root.join('lib/generators/solid_queue/install/templates/db/queue_schema.rb')
  exit
end

$stdout.sync = true
options = { queues: ENV.fetch('QUEUE', '*'), threads: ENV.fetch('CONCURRENCY').to_i, polling_interval: 0.1 }
if ENV['MODE'] == 'fork'
  # Whoever reads the supervisor's output does not wait for the fork.
  SolidQueue.on_worker_start { [$stdout, $stderr].each { |stream| stream.reopen(File::NULL) } }
  puts 'ready'
  SolidQueue::Supervisor.start(workers: [options], dispatchers: [], skip_recurring: true)
else
  SolidQueue::FailedExecution.find_by!(job_id: ENV['RETRY']).retry if ENV['RETRY']
  SolidQueue::Worker.new(**options).start
  puts 'ready'
  sleep
end
