#!/usr/bin/env ruby
# frozen_string_literal: true

# Prints the identity stamp of a process: identity.rb <pid>

# The stamp, or nil when the process is gone or cannot be told: store NULL then.
def process_identity(pid)
  # The command name may hold spaces and parentheses: count fields after the LAST one.
  start_ticks = File.binread("/proc/#{pid}/stat").rpartition(')').last.split[19]
  boot_id = File.read('/proc/sys/kernel/random/boot_id').strip
  pid_namespace = File.readlink('/proc/self/ns/pid')[/\d+/]
  "linux:#{machine_id}:#{boot_id}:#{pid_namespace}:#{start_ticks}"
rescue SystemCallError
  nil
end

# Empty where there is none, as in most container images.
def machine_id
  text = File.read('/etc/machine-id').strip
  text.match?(/\A[0-9a-f]{32}\z/) ? text : ''
rescue SystemCallError
  ''
end

if $PROGRAM_NAME == __FILE__
  stamp = process_identity(Integer(ARGV.fetch(0), 10))
  exit 1 if stamp.nil?
  puts stamp
end
