@echo off
rem Builds Tributary in Release when needed, quietly, and runs it.
setlocal
set DOTNET_CLI_TELEMETRY_OPTOUT=1
set DOTNET_NOLOGO=1
set "log=%TEMP%\tributary-build-%RANDOM%.log"
dotnet build "%~dp0src\Tributary.Cli" -c Release -v quiet --nologo >"%log%" 2>&1
if errorlevel 1 (
  type "%log%" 1>&2
  del "%log%"
  exit /b 1
)
del "%log%"
dotnet "%~dp0src\Tributary.Cli\bin\Release\net10.0\tributary.dll" %*
exit /b %errorlevel%
