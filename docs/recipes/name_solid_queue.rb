# frozen_string_literal: true

# Has each worker of Solid Queue say in its row of solid_queue_processes which process it is. Needs token.rb.
require 'securerandom'

# For SolidQueue::Process, whose register runs in the process of the worker, after any fork.
module NamesItsProcess
  # Ids of the table's own sequence start over when it is emptied: a live worker's jobs would be taken for those of a dead one.
  def register(kind:, metadata: {}, **attributes)
    token = process_token if kind == 'Worker'
    return super if token.nil?

    begin
      super(kind: kind, id: SecureRandom.random_number(2**62..(2**63 - 1)), metadata: metadata.merge(job_reaper: token), **attributes)
    rescue StandardError => e
      warn "this worker has an id of Solid Queue's own (#{e.message}): job-reaper cannot tell whose its jobs are"
      super
    end
  end
end
