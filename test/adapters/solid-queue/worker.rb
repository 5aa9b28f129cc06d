# frozen_string_literal: true

# Stands in for Solid Queue, whose gems come from a registry that not everybody reaches: real Ruby processes that take and end jobs by the
# statements of its version 1.5, on its tables, with FENCED=false by those of 1.4. QUEUE: the only one that it works for. MODE=fork: a
# supervisor, and a worker that it forks. With the line of docs/queues/solid-queue.md.
require 'pg'
require 'json'
require 'securerandom'
require 'socket'
require ENV.fetch('TOKEN')
require ENV.fetch('RECIPE')

module SolidQueue
  def self.connect
    PG.connect(ENV.fetch('DATABASE_URL')).tap do |connection|
      connection.exec("set search_path = #{ENV.fetch('SCHEMA')}; set time zone 'UTC'; set statement_timeout = 5000")
    end
  end

  class Process
    # As ActiveRecord does: each attribute is a column.
    def self.register(**attributes)
      now = Time.now.utc.strftime('%F %T.%6N')
      row = { **attributes, metadata: JSON.generate(attributes.fetch(:metadata)), last_heartbeat_at: now, created_at: now }
      marks = (1..row.size).map { |number| "$#{number}" }
      SolidQueue.connect.exec_params(
        "insert into solid_queue_processes (#{row.keys.join(', ')}) values (#{marks.join(', ')}) returning id", row.values
      ).getvalue(0, 0)
    end
  end

  class Worker
    def initialize(threads)
      @threads = threads
      @busy = 0
      @lock = Mutex.new
      @name = "worker-#{SecureRandom.hex(10)}"
    end

    def start
      @supervisor = ::Process.ppid
      @connection = SolidQueue.connect
      @id = Process.register(kind: 'Worker', name: @name, pid: ::Process.pid, hostname: Socket.gethostname,
                             supervisor_id: nil, metadata: { queues: '*', thread_pool_size: @threads })
      puts 'ready'
      [$stdout, $stderr].each { |stream| stream.reopen(File::NULL) } if ENV['MODE'] == 'fork' # whoever reads the supervisor's does not wait for it
      poll until stopped?
    end

    # A fork whose supervisor has gone ends when its jobs have.
    def stopped?
      ENV['MODE'] == 'fork' && @supervisor != ::Process.ppid && @busy.zero?
    end

    def poll
      claim(@threads - @busy).each do |claimed|
        @lock.synchronize { @busy += 1 }
        Thread.new do
          perform(SolidQueue.connect, claimed)
        ensure
          @lock.synchronize { @busy -= 1 }
        end
      end
      sleep 0.1
    end

    def claim(limit)
      return [] if limit < 1 || (ENV['MODE'] == 'fork' && @supervisor != ::Process.ppid)

      @connection.transaction do
        ready = @connection.exec_params(<<~SQL, [limit, ENV['QUEUE']])
          select id, job_id from solid_queue_ready_executions where queue_name = coalesce($2, queue_name)
           order by priority, job_id limit $1 for update skip locked
        SQL
        ready.each do |row|
          @connection.exec_params('insert into solid_queue_claimed_executions (job_id, process_id, created_at) values ($1, $2, current_timestamp)',
                                  [row['job_id'], @id])
          @connection.exec_params('delete from solid_queue_ready_executions where id = $1', [row['id']])
        end
        ready.flat_map do |row|
          @connection.exec_params(<<~SQL, [row['job_id'], @id]).to_a
            select c.id, c.job_id, j.arguments, j.concurrency_key from solid_queue_claimed_executions c
              join solid_queue_jobs j on j.id = c.job_id where c.job_id = $1 and c.process_id = $2
          SQL
        end
      end
    end

    def perform(connection, claimed)
      id = claimed['job_id']
      note(connection, 'start', id)
      runs = connection.exec_params("select count(*) from public.noted where what = 'start' and job_id = $1", [id]).getvalue(0, 0).to_i
      job = JSON.parse(claimed['arguments'])['arguments'].first
      latch = job['blocksUntil'] || job['waitsUntil']
      sleep 0.1 until latch.nil? || File.exist?(latch) || File.exist?("#{latch}.#{runs}")
      sleep 600 if runs <= job.fetch('hangs', 0) # its process is killed meanwhile
      note(connection, 'end', id)
      finish(connection, claimed)
    ensure
      connection.close
    end

    # ClaimedExecution#finished
    def finish(connection, claimed)
      finished = connection.transaction do
        next false if ENV['FENCED'] != 'false' && !claimed?(connection, claimed)

        connection.exec_params('update solid_queue_jobs set finished_at = current_timestamp where id = $1', [claimed['job_id']])
        connection.exec_params('delete from solid_queue_claimed_executions where id = $1', [claimed['id']])
        true
      end
      unblock(connection, claimed['concurrency_key']) if finished && claimed['concurrency_key']
    end

    def claimed?(connection, claimed)
      connection.exec_params('select from solid_queue_claimed_executions where id = $1 for update', [claimed['id']]).ntuples == 1
    end

    # Job#unblock_next_blocked_job, where one may run at a time
    def unblock(connection, key)
      taken = connection.exec_params(<<~SQL, [key]).cmd_tuples
        update solid_queue_semaphores set value = value + 1, expires_at = current_timestamp + interval '3 minutes' where key = $1 and value < 1
      SQL
      return if taken.zero?

      connection.transaction do
        blocked = connection.exec_params(<<~SQL, [key]).first
          select * from solid_queue_blocked_executions where concurrency_key = $1 order by priority, job_id limit 1 for update skip locked
        SQL
        next if blocked.nil?
        next if connection.exec_params('update solid_queue_semaphores set value = value - 1 where key = $1 and value > 0', [key]).cmd_tuples.zero?

        connection.exec_params(<<~SQL, blocked.values_at('job_id', 'queue_name', 'priority'))
          insert into solid_queue_ready_executions (job_id, queue_name, priority, created_at) values ($1, $2, $3, current_timestamp)
        SQL
        connection.exec_params('delete from solid_queue_blocked_executions where id = $1', [blocked['id']])
      end
    end

    def note(connection, what, id)
      connection.exec_params('insert into public.noted (what, job_id, pid) values ($1, $2, $3)', [what, id, ::Process.pid])
    end
  end
end

# What the line of the page is written for.
module Rails
  def self.application = self
  def self.config = self
  def self.to_prepare = yield
end

if ENV['LINE']
  load ENV['LINE']
elsif !ENV['WITHOUT_LINE']
  SolidQueue::Process.singleton_class.prepend NamesItsProcess
end

$stdout.sync = true
Thread.abort_on_exception = true
worker = SolidQueue::Worker.new(ENV.fetch('CONCURRENCY').to_i)
if ENV['MODE'] == 'fork'
  process_token # of the supervisor: a fork has its own
  fork { worker.start }
  ::Process.wait
else
  worker.start
end
