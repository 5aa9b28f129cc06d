#!/usr/bin/env ruby
# frozen_string_literal: true

# Prints the identity stamp of a process: identity.rb <pid>

# The stamp, or nil when the process is gone or cannot be told: store NULL then.
def process_identity(pid)
  # After "unshare --pid" without a mount of its own, /proc shows other processes than ours.
  return nil unless File.readlink('/proc/self') == Process.pid.to_s

  # The command name may hold spaces and parentheses: count fields after the LAST one.
  start_ticks = Integer(File.binread("/proc/#{pid}/stat").rpartition(')').last.split[19], 10) - boot_offset
  return nil unless start_ticks.between?(0, 10**12)

  boot_id = File.read('/proc/sys/kernel/random/boot_id').strip
  pid_namespace = File.readlink('/proc/self/ns/pid')[/\d+/]
  "linux:#{machine_id}:#{boot_id}:#{pid_namespace}:#{start_ticks}"
rescue SystemCallError
  nil
end

# Ticks by which this process's time namespace shifts the starts that it reads.
def boot_offset
  return 0 unless File.symlink?('/proc/self/ns/time') # a kernel without time namespaces

  own, children = %w[time time_for_children].map { |name| File.readlink("/proc/self/ns/#{name}") }
  raise Errno::EINVAL, 'the offset at hand is that of the children' unless own == children

  line = File.readlines('/proc/self/timens_offsets').map(&:split).find { |clock,| %w[boottime 7].include?(clock) }
  raise Errno::EINVAL, 'no offset of boottime' if line.nil?

  Integer(line[1], 10) * 100 + Integer(line[2], 10) / 10**7
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
