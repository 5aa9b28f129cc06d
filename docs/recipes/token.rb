#!/usr/bin/env ruby
# frozen_string_literal: true

# Prints the token of this process, for trying it out: token.rb
# With the values of docs/tokens.md: token.rb <boot id> <pid namespace> <pid> <ticks>
require 'digest'

# The token of this process, or nil when it cannot be told. A forked child gets its own.
def process_token
  pid, token = $process_token
  return token if pid == Process.pid

  token = begin
    read_token
  rescue SystemCallError, ArgumentError, TypeError
    nil
  end
  $process_token = [Process.pid, token]
  token
end

def read_token
  boot_id = File.read('/proc/sys/kernel/random/boot_id').strip
  pid_namespace = Integer(File.readlink('/proc/self/ns/pid')[/\d+/], 10)
  # The last of these pids is the one that this process has in its own pid namespace.
  pid = Integer(File.read('/proc/self/status')[/^NSpid:.*?(\d+)\s*$/, 1], 10)
  # The command name may hold spaces and parentheses: count fields after the LAST one.
  ticks = Integer(File.binread('/proc/self/stat').rpartition(')').last.split[19], 10) - boot_offset
  raise ArgumentError, "no process starts at tick #{ticks}" unless ticks.between?(0, 10**12)

  encode_token(boot_id, pid_namespace, pid, ticks)
end

def encode_token(boot_id, pid_namespace, pid, ticks)
  data = Digest::SHA256.digest(boot_id)[0, 8] + [pid_namespace, pid, ticks >> 32, ticks & 0xffffffff].pack('NNnN')
  data += Digest::SHA256.digest(data)[0, 2]
  "jr1.#{[data].pack('m0').tr('+/', '-_')}"
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

if $PROGRAM_NAME == __FILE__
  boot_id, *numbers = ARGV
  token = boot_id ? encode_token(boot_id, *numbers.map { |number| Integer(number, 10) }) : process_token
  exit 1 if token.nil?
  puts token
end
