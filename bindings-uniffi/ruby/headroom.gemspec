# frozen_string_literal: true

Gem::Specification.new do |gem|
  gem.name = 'headroom'
  gem.version = '0.1.0'
  gem.summary = 'The context layer between applications and language models: less to read, nothing lost.'
  gem.authors = ['Headroom contributors']
  gem.license = 'Apache-2.0'
  gem.homepage = 'https://github.com/headroom/headroom'
  gem.required_ruby_version = '>= 3.1'
  gem.files = Dir['lib/*']
  gem.add_dependency 'ffi', '~> 1.15'
end
